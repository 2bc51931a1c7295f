"""Prove that what a mailing sends is what its advertiser signed.

Four hashes are compared, each worked out anew from the rows: the content that was signed; the content as it is stored
now; the content that the mailing was planned with; and what the signed content compiles to, with what the senders
wrote down when they compiled it. A mail that was received (a control address's) can be given too: its send is read
from its Message-ID, the mail is composed again for that send, and the two bodies are compared byte for byte.
"""

from __future__ import annotations

import email
import hashlib
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from uuid import uuid4

from broker.delivery import render_store, store
from broker.delivery.claim import AddressBook
from broker.delivery.model import Batch, Claimed, MailingFacts
from broker.delivery.variants import composer_of, mailing_values, rendered
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.settings import Settings
from broker.mailings.find_mailing import find_mailing
from broker.mailings.seeds import seed_domain
from broker.mailings.sign_creative import hash_of
from broker.mailings.store import creative_by_id, links_of
from broker.mailings.variants import LETTERS
from broker.vault.keyring import WorkerKeys
from broker.vault.tokens import read_token


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: `name` is a code, `say` the figures compared."""

    name: str
    ok: bool
    say: str


@dataclass(frozen=True, slots=True)
class Verification:
    """All comparisons of a mailing."""

    code: str
    content_hash: str
    signed_at: datetime | None
    checks: tuple[Check, ...]

    @property
    def proven(self) -> bool:
        """Whether every comparison held."""
        return all(check.ok for check in self.checks)

    def keys(self) -> dict[str, object]:
        """For machines."""
        return {**asdict(self), "proven": self.proven}


def verify_mailing(unit: UnitOfWork, settings: Settings, code: str) -> Verification:
    """Compare what is stored, planned and compiled with what was signed. For workers and the command line."""
    mailing = find_mailing(unit, code)
    facts = store.facts_of(unit, mailing.id)
    creative = creative_by_id(unit, mailing.creative_id)
    if facts is None or creative is None:
        raise NotFound("There is no such mailing.", code="mailing_not_found")
    signed = creative.content_hash.hex() if creative.signed else "not signed"
    stored = hash_of(creative, links_of(unit, creative.id)).hex()
    checks = [
        Check("signed", creative.signed, signed),
        Check("stored", stored == signed, stored),
        Check("planned", mailing.content_hash.hex() == signed, mailing.content_hash.hex()),
    ]
    values = mailing_values(unit, settings, facts)
    now = {number: one.digest for number, one in enumerate(rendered(creative, values, settings.web.public_url))}
    for row in render_store.renders_of(unit, mailing.id):
        found = bytes(row.digest)
        name = f"compiled_{LETTERS[row.variant].lower()}"
        checks.append(Check(name, found == now.get(row.variant), f"{found.hex()} at {row.first_at:%Y-%m-%d %H:%M} UTC"))
    return Verification(mailing.code, signed, creative.signed_at, tuple(checks))


def verify_copy(
    unit: UnitOfWork, worker: WorkerKeys, settings: Settings, code: str, raw: bytes
) -> tuple[Verification, Check]:
    """As `verify_mailing`, and a received mail beside it: composed again for its send, are the bodies the same?"""
    verified = verify_mailing(unit, settings, code)
    mailing = find_mailing(unit, code)
    facts = store.facts_of(unit, mailing.id)
    assert facts is not None
    message = email.message_from_bytes(raw)
    token = str(message.get("Message-ID", "")).strip().strip("<>").partition("@")[0]
    try:
        ref = read_token(worker.front, "message", token)
    except NotFound:
        raise InvalidInput(
            "This mail's Message-ID is none of ours: give a mail as it was received.", code="foreign_mail"
        ) from None
    if ref.mailing_id != mailing.id:
        return verified, Check("copy", False, "the mail belongs to another mailing")
    composed = _composed_again(unit, worker, settings, facts, ref.position, str(message.get("Date", "")))
    if composed is None:
        return verified, Check("copy", False, "its recipient was erased: it cannot be composed again")
    ours, theirs = (hashlib.sha256(_body(one)).hexdigest() for one in (composed, raw))
    return verified, Check("copy", ours == theirs, f"position {ref.position}: {theirs}")


def _composed_again(
    unit: UnitOfWork, worker: WorkerKeys, settings: Settings, facts: MailingFacts, position: int, date: str
) -> bytes | None:
    row = render_store.send_row(unit, facts.dispatch_id, facts.id, position)
    if row is None:
        return None
    batch = Batch(uuid4(), (Claimed(position, row.contact_id, bytes(row.contact_key), row.seed, 0),), 0.0)
    book = AddressBook(worker, facts.base_id, seed_domain(settings.mail))
    person = book.open_batch(unit, facts, batch)[0].person
    if person is None:
        return None
    composer = composer_of(unit, worker, settings, facts, noted=False)
    letter = composer.compose(position, person, parsedate_to_datetime(date))
    return None if letter is None else letter.raw


def _body(raw: bytes) -> bytes:
    """The body with CRLF line ends and nothing behind its last line: what servers on the way leave alone."""
    text = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    return re.sub(rb"\n+\Z", b"", text)
