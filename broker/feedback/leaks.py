"""A mail to a seed that is not the mailing it was made for: somebody has the list, or a part of it.

A seed's address was written to by one mailing alone, so that whoever else writes to it has it from there. Our own mail
is told by its Message-ID, which only that send can have; it shows that the mailing arrives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from broker.audit.record import record
from broker.delivery.smtp_reply import BLOT
from broker.feedback import leak_store as store
from broker.feedback.leak_store import LeakCase
from broker.feedback.match_returned import message_key
from broker.feedback.returned.opened import OpenedMail
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.mailings.seeds import tags_in
from broker.vault.keyring import FrontKeys

SEED_DESK = "seeds"  # where organisations forward what their own control mailboxes receive
MOST_ADDRESSES = 40
LONGEST_SUBJECT = 160
LONGEST_RESOLUTION = 1_000
_WRITTEN_TO = ("delivered-to", "x-original-to", "x-forwarded-to", "envelope-to", "to", "cc", "resent-to")
_ADDRESS = re.compile(r"[^\s<>()\",;:]{1,64}@[A-Za-z0-9.-]{1,253}")
_DOMAIN = re.compile(r"@([A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)")


def seen_at_seed(unit: UnitOfWork, front: FrontKeys, recipients: Sequence[str], mail: OpenedMail) -> bool:
    """Whether a message came to a seed: then it is noted as arrived, or a leak case is opened or grows."""
    tags = [tag for address in recipients for tag in tags_in(address)]
    if any(address.lower().startswith(f"{SEED_DESK}@") for address in recipients):
        places = [value for name in _WRITTEN_TO for value in mail.headers.get(name, ())]
        addresses = [one for place in places for one in _ADDRESS.findall(place)][:MOST_ADDRESSES]
        tags += [tag for address in addresses for tag in tags_in(address)]
    seed = store.seed_of_tags(unit, tags) if tags else None
    if seed is None:
        return False
    key = message_key(front, mail)
    if key is not None and (key.mailing_id, key.position) == (seed.mailing_id, seed.position):
        store.mark_arrived(unit, seed.mailing_id, seed.position)
        return True
    domain, subject = sender_domain(mail), _blotted(mail.header("subject"))
    code = new_code("leak")
    if store.note_leak(unit, code, seed, domain, subject):
        record(unit, "leak.opened", "mailing", seed.mailing_code, case=code, sender_domain=domain)
    return True


def sender_domain(mail: OpenedMail) -> str:
    """The domain of whoever says to have sent a message; `unknown` where none is readable."""
    for name in ("from", "sender", "return-path", "reply-to"):
        found = _DOMAIN.search(mail.header(name))
        if found:
            return found[1].lower()
    return "unknown"


def list_leaks(unit: UnitOfWork) -> list[LeakCase]:
    """The cases of the owner's bases (the broker: of all), open ones first, then by the last mail."""
    unit.actor.require("owner", "broker", "accountant")
    return store.cases(unit)


def find_leak(unit: UnitOfWork, code: str) -> LeakCase:
    """One case."""
    unit.actor.require("owner", "broker", "accountant")
    case = store.case_by_code(unit, code)
    if case is None:
        raise NotFound("There is no such case.", code="leak_not_found")
    return case


def close_leak(unit: UnitOfWork, code: str, resolution: str) -> LeakCase:
    """Say what was found out and done; a mail that comes later from the same sender opens the case again."""
    unit.actor.require("owner", "broker")
    case = find_leak(unit, code)
    text = " ".join(resolution.split())
    if not 1 <= len(text) <= LONGEST_RESOLUTION:
        raise InvalidInput(f"Write what was found out, in 1 to {LONGEST_RESOLUTION} characters.", code="bad_text",
                       field="resolution")  # fmt: skip
    if not store.close_case(unit, case.code, text):
        raise Conflict("This case is closed already.", code="leak_closed")
    record(unit, "leak.closed", "mailing", case.mailing_code, case=code)
    return find_leak(unit, code)


def _blotted(subject: str) -> str:
    """A subject as it may be kept: one printable line without addresses."""
    text = re.sub(r"\S+@\S+", BLOT, " ".join(subject.split()))
    return "".join(char for char in text if char.isprintable())[:LONGEST_SUBJECT]
