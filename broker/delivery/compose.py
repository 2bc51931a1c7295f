"""One mail for one person, from a compiled template: slots, tokens, headers, signature.

The same send always gives the same bytes for the same date: tokens and Message-ID derive from the send.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import NamedTuple

from broker.delivery.encode import display_name, header_text, quoted_value, unfolded
from broker.delivery.letter import Letter
from broker.delivery.sign import DkimSigner, whole_field
from broker.delivery.template import Slot, Template, merge_value
from broker.mailings.slots import SLOT, person_field
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import Purpose, make_token_rows

# What may stand in RCPT TO and To: nothing that could end the line or the angle brackets.
_DELIVERABLE = re.compile(r"[!-;=?A-~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?").fullmatch
_BEYOND_ASCII = re.compile(r"[!-;=?A-~\u00a1-\U000e0fff]{1,64}").fullmatch
LONGEST_LOCAL = 64  # octets
_ONE = (0,)


class Writable(NamedTuple):
    """An address on its way out."""

    address: bytes
    utf8: bool


@dataclass(slots=True, eq=False)
class Ahead:
    """Signatures made before their mailing's hour: (digest, signature) by position, for one date."""

    dated: datetime
    made: Mapping[int, tuple[bytes, bytes]]
    used: int = 0


class _Draft(NamedTuple):
    """A mail without its signature."""

    position: int
    bounce: bytes
    to: Writable
    signed: bytes
    value: bytes
    head: bytes
    start: bytes
    rest: bytes

    def letter(self, signature: bytes) -> Letter:
        """The mail; no line of it starts with a dot (encode.py)."""
        raw = b"%b%b\r\n%b%b" % (whole_field(self.value, signature), self.head, self.start, self.rest)
        return Letter(self.bounce, self.to.address, raw, self.to.utf8, dotless=True)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What all mails of a mailing share in their headers."""

    dispatch_id: int
    mailing_id: int
    mailing_code: str
    base_code: str
    kind: str
    subject: str
    from_name: str
    sending_domain: str
    bounce_domain: str
    public_url: str


class Composer:
    """Composes the mails of one mailing; made once, then called for each recipient."""

    def __init__(self, front: FrontKeys, signer: DkimSigner, envelope: Envelope, template: Template) -> None:
        self._front = front
        self._signer = signer
        self._envelope = envelope
        self._template = template
        self._links = template.links
        slots = [slot for _, slot in template.slots]
        self._merged = [slot for slot in slots if slot.kind not in ("link", "leave")]
        # Where each slot's value stands in [leave, tokens of the links…, merged values…].
        where = {number: at for at, number in enumerate(self._links, start=1)}
        merged = iter(range(1 + len(where), 1 + len(where) + len(self._merged)))
        self._places = [
            0 if slot.kind == "leave" else where[slot.link] if slot.kind == "link" else next(merged) for slot in slots
        ]
        pieces = [piece.replace(b"%", b"%%") for piece in template.pieces]
        for at, _ in template.slots:
            pieces[at] = b"%b"
        self._rest = b"".join(pieces[1:])
        self._body_start = hashlib.sha256(template.pieces[0])
        self._subject_parts = _parts_of(envelope.subject)
        self._subject = header_text(envelope.subject, 9) if len(self._subject_parts) == 1 else None
        self._date: tuple[datetime, bytes, int] | None = None
        name, domain = display_name(envelope.from_name), envelope.sending_domain
        sender = b"%b\r\n <%b@%b>" % (name, envelope.base_code.encode(), domain.encode())
        list_id = f"<{envelope.base_code}.{domain}>".encode()
        feedback = f"{envelope.mailing_code}:{envelope.base_code}:{envelope.kind}:courtier".encode()
        content = f'multipart/alternative;\r\n boundary="{template.boundary}"'.encode()
        self._before = [(b"From", sender)]
        self._after = [
            (b"List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),
            (b"Feedback-ID", feedback),
            (b"MIME-Version", b"1.0"),
            (b"Content-Type", content),
        ]
        self._list_id = list_id
        self._domain = domain.encode()
        leave = f"<{envelope.public_url}/u/%b>,\r\n <mailto:u-%b@{envelope.bounce_domain}>"
        self._leave = leave.encode()
        self._unfolded_leave = unfolded(self._leave)
        self._bounce = f"b-%b@{envelope.bounce_domain}".encode()
        self._raw = _format(self._fields(), canonical=False)
        self._canonical = _format(self._fields(), canonical=True)

    def _fields(self) -> list[tuple[bytes, bytes | None]]:
        """All fields in the order they are signed; None is filled for each person."""
        return [
            *self._before, (b"To", None), (b"Subject", None), (b"Date", None), (b"Message-ID", None),
            (b"List-Id", self._list_id), (b"List-Unsubscribe", None), *self._after,
        ]  # fmt: skip

    def compose(self, position: int, person: dict[str, str], date: datetime) -> Letter | None:
        """The signed mail of one recipient, or None where the address cannot be written to."""
        return self.compose_all([(position, person)], date)[0]

    def compose_all(
        self, people: Sequence[tuple[int, dict[str, str]]], date: datetime, ahead: Ahead | None = None
    ) -> list[Letter | None]:
        """The mails of many recipients, in order: their tokens are made together.

        With signatures made `ahead` a mail bears their date, and the signature where it still fits.
        """
        if ahead is not None:
            date = ahead.dated
        drafts = list(self._drafts(people, date))
        made = [None if draft is None or ahead is None else self._made_ahead(draft, ahead) for draft in drafts]
        unsigned = [draft for draft, one in zip(drafts, made, strict=True) if draft is not None and one is None]
        now = iter(self._signer.sign_all([draft.signed for draft in unsigned]))
        return [
            None if draft is None else draft.letter(next(now) if one is None else one)
            for draft, one in zip(drafts, made, strict=True)
        ]

    def sign_ahead(
        self, people: Sequence[tuple[int, dict[str, str]]], date: datetime
    ) -> Iterator[tuple[bytes, bytes] | None]:
        """(digest, signature) of each mail as it will be sent with this date; None where it cannot be."""
        drafts = [None if draft is None else draft.signed for draft in self._drafts(people, date)]
        signatures = iter(self._signer.sign_all([signed for signed in drafts if signed is not None]))
        for signed in drafts:
            yield None if signed is None else (self._signer.digest(signed), next(signatures))

    def _made_ahead(self, draft: _Draft, ahead: Ahead) -> bytes | None:
        """The signature made ahead, if it still fits."""
        made = ahead.made.get(draft.position)
        if made is None or made[0] != self._signer.digest(draft.signed):
            return None
        ahead.used += 1
        return made[1]

    def _drafts(self, people: Sequence[tuple[int, dict[str, str]]], date: datetime) -> Iterator[_Draft | None]:
        """Everything of each mail but its signature."""
        envelope, links = self._envelope, self._links
        places = [writable(person["email"]) for _, person in people]
        positions = [position for position, _ in people]
        front, dispatch, mailing = self._front, envelope.dispatch_id, envelope.mailing_id
        wanted: list[tuple[Purpose, Sequence[int]]] = [("leave", _ONE), ("message", _ONE), ("bounce", _ONE)]
        tokens = make_token_rows(front, dispatch, mailing, positions, [*wanted, ("click", links)])
        leaves, messages, bounces, clicks = tokens
        date_text, timestamp = self._dated(date)
        for at, (position, person) in enumerate(people):
            place = places[at]
            if place is None:
                yield None
                continue
            leave = leaves[at]
            values = [leave, *clicks[at * len(links) : (at + 1) * len(links)]]
            values += [quoted_value(merge_value(slot, person)) for slot in self._merged]
            rest = self._rest % tuple([values[which] for which in self._places])
            digest = self._body_start.copy()
            digest.update(rest)
            subject = self._subject
            if subject is None:
                subject = header_text(self._subject_of(person), 9)
            address, message = b"<%b>" % place.address, b"<%b@%b>" % (messages[at], self._domain)
            filled = (address, subject, date_text, message, self._leave % (leave, leave))
            unfolded_subject = unfolded(subject) if b"\n" in subject else subject
            canonical = (address, unfolded_subject, date_text, message, self._unfolded_leave % (leave, leave))
            value = self._signer.field(digest.digest(), timestamp)
            yield _Draft(
                position,
                self._bounce % bounces[at],
                place,
                self._signer.signed_text(self._canonical % canonical, value),
                value,
                self._raw % filled,
                self._template.pieces[0],
                rest,
            )

    def _subject_of(self, person: dict[str, str]) -> str:
        """The subject's merge tags as plain text."""
        return "".join(
            [piece if isinstance(piece, str) else merge_value(piece, person) for piece in self._subject_parts]
        )

    def _dated(self, date: datetime) -> tuple[bytes, int]:
        """The Date field's value and its seconds; the same for a whole batch, so kept."""
        if self._date is None or self._date[0] != date:
            self._date = (date, format_datetime(date).encode("ascii"), int(date.timestamp()))
        return self._date[1], self._date[2]


def writable(address: str) -> Writable | None:
    """An address as it stands in RCPT TO and To, or None where it cannot be written to.

    Its domain is in ASCII (RFC 5891), its local part as it is: beyond ASCII it needs SMTPUTF8 (RFC 6531).
    """
    if _DELIVERABLE(address) is not None:
        return Writable(address.encode("ascii"), utf8=False)
    local, _, domain = address.rpartition("@")
    if _BEYOND_ASCII(local) is None or not local.isprintable():
        return None
    try:
        ascii_domain = domain.encode("idna")
        whole = local.encode("utf-8")
    except UnicodeError:
        return None
    if _DELIVERABLE(f"a@{ascii_domain.decode('ascii')}") is None or len(whole) > LONGEST_LOCAL:
        return None
    return Writable(b"%b@%b" % (whole, ascii_domain), utf8=not local.isascii())


def _parts_of(subject: str) -> list[str | Slot]:
    """A subject line as pieces of text and merge tags."""
    parts: list[str | Slot] = []
    at = 0
    for match in SLOT.finditer(subject):
        field = person_field(match[1])
        if field is not None:
            parts += [subject[at : match.start()], Slot(field, default=(match[2] or "").strip())]
            at = match.end()
    return [*parts, subject[at:]]


def _format(fields: list[tuple[bytes, bytes | None]], *, canonical: bool) -> bytes:
    """A bytes format of header fields with `%b` for each value that differs from person to person."""
    out = []
    for name, value in fields:
        written = b"" if value is None else unfolded(value) if canonical else value
        shown = b"%b" if value is None else written.replace(b"%", b"%%")
        out.append(b"%b:%b\r\n" % (name.lower(), shown) if canonical else b"%b: %b\r\n" % (name, shown))
    return b"".join(out)
