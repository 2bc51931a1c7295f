"""A single mail of the platform itself, to one person: an answer, a link to confirm. Signed like any other."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from broker.delivery.encode import display_name, header_text, unfolded
from broker.delivery.letter import Attempted, Letter
from broker.delivery.pool import relays_of
from broker.delivery.sign import DkimSigner, dkim_signer
from broker.delivery.transport import connect
from broker.kernel.ids import new_code
from broker.kernel.settings import MailSettings
from broker.vault.keyring import WorkerKeys


@dataclass(frozen=True, slots=True)
class Note:
    """What is written, to whom. `local` is the sender's name at the sending domain.

    `answers` are Message-IDs (with their angle brackets) that the note answers: then it is marked as an automatic
    reply (RFC 3834), else as made by a machine. `enclosed` are (file name, media type, bytes). `leave_url` is where one
    POST ends such notes (RFC 8058).
    """

    to: str
    local: str
    from_name: str
    subject: str
    text: str
    date: datetime
    answers: tuple[str, ...] = ()
    enclosed: tuple[tuple[str, str, bytes], ...] = ()
    leave_url: str = ""


def compose_note(signer: DkimSigner, domain: str, note: Note) -> Letter:
    """The signed mail. Its return path is empty, so that nothing ever answers it (RFC 3834 section 3.3)."""
    sender = b"%b\r\n <%b@%b>" % (display_name(note.from_name), note.local.encode(), domain.encode())
    content_type, body = _body(note)
    fields: list[tuple[bytes, bytes]] = [
        (b"From", sender),
        (b"To", b"<%b>" % note.to.encode("ascii")),
        (b"Subject", header_text(note.subject, 9)),
        (b"Date", format_datetime(note.date).encode()),
        (b"Message-ID", f"<{new_code('msg')}@{domain}>".encode()),
        (b"MIME-Version", b"1.0"),
        (b"Content-Type", content_type),
    ]
    if note.leave_url:  # before MIME-Version: the order in which they are signed
        fields[5:5] = [
            (b"List-Unsubscribe", b"<%b>" % note.leave_url.encode("ascii")),
            (b"List-Unsubscribe-Post", b"List-Unsubscribe=One-Click"),
        ]
    canonical = b"".join(b"%b:%b\r\n" % (name.lower(), unfolded(value)) for name, value in fields)
    signature = signer.header(canonical, hashlib.sha256(body).digest(), int(note.date.timestamp()))
    fields.append((b"Auto-Submitted", b"auto-replied" if note.answers else b"auto-generated"))
    fields.append((b"X-Auto-Response-Suppress", b"All"))
    if note.answers:
        fields += [(b"In-Reply-To", note.answers[-1].encode()), (b"References", " ".join(note.answers).encode())]
    if not note.enclosed:
        fields.append((b"Content-Transfer-Encoding", b"base64"))
    head = b"".join(b"%b: %b\r\n" % field for field in fields)
    return Letter(b"", note.to.encode("ascii"), signature + head + b"\r\n" + body)


def post_note(
    worker: WorkerKeys, mail: MailSettings, note: Note, may_leave: Callable[[], bool] = lambda: True
) -> Attempted:
    """Hand the note to the first relay, once: a note that is lost is not sent again. Raises `ConnectionLost`.

    `may_leave` is asked at the last moment before the text leaves; where it says no, the note is `deferred`.
    """
    letter = compose_note(dkim_signer(worker, mail.sending_domain, mail.dkim_selector), mail.sending_domain, note)
    return asyncio.run(_carry(letter, mail, may_leave))


async def _carry(letter: Letter, mail: MailSettings, may_leave: Callable[[], bool]) -> Attempted:
    seconds = float(mail.timeout_seconds)
    connection = await connect(relays_of(mail)[0], seconds)
    try:
        return await connection.carry(letter, seconds, may_leave, lambda: None)
    finally:
        connection.quit()


def _body(note: Note) -> tuple[bytes, bytes]:
    """(content type, body with CRLF line ends)."""
    text = _lines(note.text.encode())
    if not note.enclosed:
        return b"text/plain; charset=utf-8", text
    mark = new_code("part").encode()
    parts = [
        b"--%b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n%b" % (mark, text)
    ]
    for name, kind, raw in note.enclosed:
        parts.append(
            b'--%b\r\nContent-Type: %b\r\nContent-Disposition: attachment; filename="%b"\r\n'
            b"Content-Transfer-Encoding: base64\r\n\r\n%b" % (mark, kind.encode(), name.encode(), _lines(raw))
        )
    return b'multipart/mixed;\r\n boundary="%b"' % mark, b"".join([*parts, b"--%b--\r\n" % mark])


def _lines(raw: bytes) -> bytes:
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")
