"""One mail ready to leave, and what became of it.

Named tuples: made for each mail, a frozen dataclass takes three times as long.
"""

from __future__ import annotations

from typing import NamedTuple

from broker.delivery.smtp_reply import Reply


class Letter(NamedTuple):
    """Envelope and raw bytes with CRLF line ends, not dot-stuffed.

    `utf8`: address or header need SMTPUTF8. `dotless`: no line starts with a dot, so none need be looked for.
    """

    mail_from: bytes
    rcpt_to: bytes
    raw: bytes
    utf8: bool = False
    dotless: bool = False

    def __repr__(self) -> str:
        return f"Letter({self.mail_from!r})"  # without the recipient


class Attempted(NamedTuple):
    """What became of a letter: state of the send, the reply it rests on, and whether the connection is still good.

    `stage` is where the dialogue ended: connection, sender, recipient, data or text.
    """

    state: str  # accepted, refused, deferred or uncertain
    reply: Reply
    connected: bool = True
    stage: str = "text"
