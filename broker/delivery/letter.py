"""One mail ready to leave, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker.delivery.smtp_reply import Reply


@dataclass(frozen=True, slots=True)
class Letter:
    """Envelope and raw bytes with CRLF line ends, not dot-stuffed.

    `utf8`: address or header need SMTPUTF8. `dotless`: no line starts with a dot, so none need be looked for.
    """

    mail_from: bytes
    rcpt_to: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    utf8: bool = False
    dotless: bool = False


@dataclass(frozen=True, slots=True)
class Attempted:
    """What became of a letter: state of the send, the reply it rests on, and whether the connection is still good.

    `stage` is where the dialogue ended: connection, sender, recipient, data or text.
    """

    state: str  # accepted, refused, deferred or uncertain
    reply: Reply
    connected: bool = True
    stage: str = "text"
