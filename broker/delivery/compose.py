"""One mail for one person, from a compiled template: slots, tokens, headers, signature.

The same send always gives the same bytes for the same date: tokens and Message-ID derive from the send.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from broker.delivery.encode import display_name, header_text, quoted_value, unfolded
from broker.delivery.letter import Letter
from broker.delivery.sign import DkimSigner
from broker.delivery.template import Slot, Template, merge_value
from broker.mailings.slots import SLOT, person_field
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import make_token, make_tokens

# What may stand in RCPT TO and To: nothing that could end the line or the angle brackets. ASCII only: SMTPUTF8 is not
# offered by every relay on the way.
_DELIVERABLE = re.compile(r"[!-;=?A-~]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?").fullmatch


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
        self._subject = None if _has_tags(envelope.subject) else header_text(envelope.subject, 9)
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
        address = person["email"]
        if _DELIVERABLE(address) is None:
            return None
        envelope, front = self._envelope, self._front
        send = (envelope.dispatch_id, envelope.mailing_id, position)
        leave = make_token(front, "leave", *send)
        rest = self._rest % self._slot_values(send, leave, person)
        digest = self._body_start.copy()
        digest.update(rest)
        date_text, timestamp = self._dated(date)
        subject = self._subject
        if subject is None:
            subject = header_text(_fill(envelope.subject, person), 9)
        to = address.encode("ascii")
        filled = (
            b"<%b>" % to,
            subject,
            date_text,
            f"<{make_token(front, 'message', *send)}@{envelope.sending_domain}>".encode(),
            f"<{envelope.public_url}/u/{leave}>,\r\n <mailto:u-{leave}@{envelope.bounce_domain}>".encode(),
        )
        canonical = self._canonical % tuple(map(unfolded, filled))
        signature = self._signer.header(canonical, digest.digest(), timestamp)
        raw = b"%b%b\r\n%b%b" % (signature, self._raw % filled, self._template.pieces[0], rest)
        bounce = f"b-{make_token(front, 'bounce', *send)}@{envelope.bounce_domain}"
        return Letter(bounce.encode(), to, raw)

    def _slot_values(self, send: tuple[int, int, int], leave: str, person: dict[str, str]) -> tuple[bytes, ...]:
        dispatch_id, mailing_id, position = send
        places = [(position, link) for link in self._links]
        made = make_tokens(self._front, "click", dispatch_id, mailing_id, places)
        values = [leave.encode(), *map(str.encode, made)]
        values += [quoted_value(merge_value(slot, person)) for slot in self._merged]
        return tuple([values[at] for at in self._places])

    def _dated(self, date: datetime) -> tuple[bytes, int]:
        """The Date field's value and its seconds; the same for a whole batch, so kept."""
        if self._date is None or self._date[0] != date:
            self._date = (date, format_datetime(date).encode("ascii"), int(date.timestamp()))
        return self._date[1], self._date[2]


def _has_tags(subject: str) -> bool:
    return any(person_field(match[1]) for match in SLOT.finditer(subject))


def _fill(text: str, person: dict[str, str]) -> str:
    """Merge tags of a subject line, as plain text."""

    def value(match: re.Match[str]) -> str:
        field = person_field(match[1])
        if field is None:
            return match[0]
        return merge_value(Slot(field, default=(match[2] or "").strip()), person)

    return SLOT.sub(value, text)


def _format(fields: list[tuple[bytes, bytes | None]], *, canonical: bool) -> bytes:
    """A bytes format of header fields with `%b` for each value that differs from person to person."""
    out = []
    for name, value in fields:
        written = b"" if value is None else unfolded(value) if canonical else value
        shown = b"%b" if value is None else written.replace(b"%", b"%%")
        out.append(b"%b:%b\r\n" % (name.lower(), shown) if canonical else b"%b: %b\r\n" % (name, shown))
    return b"".join(out)
