"""The SMTP dialogue of a letter, as generators: they write, yield how many replies they want, and return outcomes.

What an attempt ends with never overstates what is known: before the text's end has left nothing was handed over
(`deferred`); once it has left, a missing reply means that nobody knows (`uncertain`). A generator is driven by the
connection's protocol, without a task or a future for each step: at thousands of mails a second those cost more than
the dialogue. A connection that breaks is thrown into it as `ConnectionLost`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Protocol

from broker.delivery.letter import Attempted, Letter
from broker.delivery.smtp_reply import Reply

Dialogue = Generator[int, list[Reply], list[Attempted]]
MayLeave = Callable[[], bool]

FRESH = 0.5  # seconds from the last look at the suppressions for which mails may still follow on a connection
SLEPT = Reply(451, "lease over before the text left")
LATE = Reply(451, "its turn on the connection came too late")
TOO_LARGE = Reply(552, "5.3.4 the message is larger than the relay takes")
NEEDS_UTF8 = Reply(550, "5.6.7 the address needs SMTPUTF8, which the relay does not offer")


class ConnectionLost(Exception):
    """The server closed, reset, or fell silent for longer than the time allowed."""


class Line(Protocol):
    """What a dialogue writes to."""

    extensions: dict[str, str]
    carried: int

    def write(self, data: bytes) -> None:
        """Send bytes."""

    def abort(self) -> None:
        """Close at once."""


def dot_stuffed(raw: bytes) -> bytes:
    """The bytes between 354 and the reply: leading dots doubled, the final dot appended (RFC 5321, 4.5.2)."""
    if b"\r\n." in raw:
        raw = raw.replace(b"\r\n.", b"\r\n..")
    if raw.startswith(b"."):
        raw = b"." + raw
    return raw + b".\r\n" if raw.endswith(b"\r\n") else raw + b"\r\n.\r\n"


def dialogue(line: Line, letters: Sequence[Letter], may_leave: MayLeave, left: Callable[[], object]) -> Dialogue:
    """Carry letters over one connection: in one go where the server takes chunks, else one after the other.

    `may_leave` is asked at the last moment before a text leaves; `left` is called when the last has left or never will.
    """
    attempted: list[Attempted] = []
    fit: list[Letter] = []
    for letter in letters:
        refusal = _unfit(line, letter)
        if refusal is None:
            fit.append(letter)
    if len(fit) == len(letters):
        attempted = yield from _carried(line, letters, may_leave, left)
        return attempted
    carried = (yield from _carried(line, fit, may_leave, left)) if fit else []
    if not fit:
        left()
    rest = iter(carried)
    for letter in letters:
        refusal = _unfit(line, letter)
        attempted.append(next(rest) if refusal is None else Attempted("refused", refusal, stage="sender"))
    return attempted


def _unfit(line: Line, letter: Letter) -> Reply | None:
    """Why the server would refuse the letter, known from what it offers (RFC 1870, RFC 6531)."""
    limit = line.extensions.get("SIZE", "")
    if limit.isdigit() and 0 < int(limit) < len(letter.raw):
        return TOO_LARGE
    if letter.utf8 and "SMTPUTF8" not in line.extensions:
        return NEEDS_UTF8
    return None


def _carried(line: Line, letters: Sequence[Letter], may_leave: MayLeave, left: Callable[[], object]) -> Dialogue:
    offers = line.extensions
    if len(letters) > 1 and "CHUNKING" in offers and "PIPELINING" in offers:
        if line.carried:
            return (yield from _chunked(line, letters, may_leave, left))
        # A connection that has carried nothing yet is tried with one mail whose text waits for the server's word:
        # a server that closes at once leaves it in no doubt.
        first = yield from _by_data(line, letters[0], may_leave, _nothing)
        if not first.connected:
            left()
            return [first, *_never_left(len(letters) - 1, first)]
        return [first, *(yield from _chunked(line, letters[1:], may_leave, left))]
    if len(letters) > 1 and "PIPELINING" in offers:
        return (yield from _in_turn(line, letters, may_leave, left))
    attempted: list[Attempted] = []
    last = len(letters) - 1
    for at, letter in enumerate(letters):
        one = yield from _by_data(line, letter, may_leave, left if at == last else _nothing)
        attempted.append(one)
        if not one.connected:
            left()
            return attempted + _never_left(last - at, one)
    return attempted


def _nothing() -> None:
    """Letters follow."""


def _never_left(count: int, before: Attempted) -> list[Attempted]:
    """The letters behind one whose connection broke."""
    reply = Reply(451, "connection lost before the text: it broke at an earlier mail")
    return [Attempted("deferred", reply, connected=False, stage="connection") for _ in range(count)]


def _sender(line: Line, letter: Letter) -> bytes:
    offers = line.extensions
    size = b" SIZE=%d" % len(letter.raw) if "SIZE" in offers else b""
    return b"MAIL FROM:<%b>%b%b\r\n" % (letter.mail_from, size, b" SMTPUTF8" if letter.utf8 else b"")


def _by_data(
    line: Line, letter: Letter, may_leave: MayLeave, left: Callable[[], object]
) -> Generator[int, list[Reply], Attempted]:
    """MAIL, RCPT and DATA as one group (RFC 2920), or one by one; then the text and its final dot."""
    sent_dot = False
    stage = "sender"
    try:
        if "PIPELINING" in line.extensions:
            line.write(_envelope(line, letter))
            mail, rcpt, data = yield 3
        else:
            line.write(_sender(line, letter))
            (mail,) = yield 1
            if not mail.positive:
                return (yield from _given_up(line, mail, stage))
            stage = "recipient"
            line.write(b"RCPT TO:<%b>\r\n" % letter.rcpt_to)
            (rcpt,) = yield 1
            if not rcpt.positive:
                return (yield from _given_up(line, rcpt, stage))
            stage = "data"
            line.write(b"DATA\r\n")
            (data,) = yield 1
        if not mail.positive:
            refusal, stage = mail, "sender"
        elif not rcpt.positive:
            refusal, stage = rcpt, "recipient"
        else:
            refusal, stage = data, "data"
        if data.code != 354:
            return (yield from _given_up(line, refusal, stage))
        if refusal is not data:
            # A server may say 354 though no recipient stands: an empty text ends it (RFC 2920, 3.1).
            line.write(b".\r\n")
            yield 1
            return (yield from _given_up(line, refusal, stage))
        if not may_leave():
            line.abort()
            return Attempted("deferred", SLEPT, connected=False, stage="data")
        sent_dot, stage = True, "text"
        line.write(letter.raw + b".\r\n" if letter.dotless else dot_stuffed(letter.raw))
        left()
        (final,) = yield 1
    except ConnectionLost as error:
        line.abort()
        if sent_dot:
            return _in_doubt(error)
        reply = Reply(451, f"connection lost before the text: {error}")
        return Attempted("deferred", reply, connected=False, stage=stage)
    return _ended(line, final)


def _in_turn(line: Line, letters: Sequence[Letter], may_leave: MayLeave, left: Callable[[], object]) -> Dialogue:
    """One letter after the other, the envelope of the next in one group with the text before it (RFC 2920, 3.1).

    Only the letter whose text has left is in doubt when the connection breaks. Letters whose turn does not come within
    `FRESH` seconds are put off: the suppressions were looked at when all of them set out.
    """
    attempted: list[Attempted] = []
    until = time.monotonic() + FRESH
    last = len(letters) - 1
    introduced = False  # whether the envelope of the letter has left already
    for at, letter in enumerate(letters):
        stage, sent_dot = "sender", False
        try:
            if not introduced:
                if at and time.monotonic() > until:
                    left()
                    return attempted + [Attempted("deferred", LATE, stage="waiting") for _ in range(at, last + 1)]
                line.write(_envelope(line, letter))
            mail, rcpt, data = yield 3
            introduced = False
            refused = mail if not mail.positive else rcpt if not rcpt.positive else None
            if data.code != 354 or refused is not None:
                stage = "sender" if refused is mail else "recipient" if refused is rcpt else "data"
                if data.code == 354:
                    line.write(b".\r\n")  # a server may say 354 though no recipient stands (RFC 2920, 3.1)
                    yield 1
                one = yield from _given_up(line, refused or data, stage)
            elif not may_leave():
                line.abort()
                one = Attempted("deferred", SLEPT, connected=False, stage="data")
            else:
                stage = "text"
                text = letter.raw + b".\r\n" if letter.dotless else dot_stuffed(letter.raw)
                introduced = at < last and time.monotonic() < until
                sent_dot = True
                line.write(text + _envelope(line, letters[at + 1]) if introduced else text)
                if at == last:
                    left()
                (final,) = yield 1
                one = _ended(line, final)
        except ConnectionLost as error:
            line.abort()
            reply = Reply(451, f"connection lost before the text: {error}")
            one = _in_doubt(error) if sent_dot else Attempted("deferred", reply, connected=False, stage=stage)
        attempted.append(one)
        if not one.connected:
            left()
            return attempted + _never_left(last - at, one)
        if at == last and not sent_dot:
            left()
    return attempted


def _envelope(line: Line, letter: Letter) -> bytes:
    return b"%bRCPT TO:<%b>\r\nDATA\r\n" % (_sender(line, letter), letter.rcpt_to)


def _chunked(line: Line, letters: Sequence[Letter], may_leave: MayLeave, left: Callable[[], object]) -> Dialogue:
    """MAIL, RCPT and BDAT LAST of all letters in one go (RFC 3030): no waiting for a word before the text.

    Every letter is then in doubt until its own reply has come. RSET stands between them, since a refused recipient
    leaves the transaction open.
    """
    if not may_leave():
        line.abort()
        left()
        return [Attempted("deferred", SLEPT, connected=False, stage="data") for _ in letters]
    parts = []
    for at, letter in enumerate(letters):
        head = b"%b%bRCPT TO:<%b>\r\nBDAT %d LAST\r\n"
        parts += [
            head % (b"RSET\r\n" if at else b"", _sender(line, letter), letter.rcpt_to, len(letter.raw)),
            letter.raw,
        ]
    line.write(b"".join(parts))
    left()
    attempted: list[Attempted] = []
    try:
        for at in range(len(letters)):
            mail, rcpt, chunk = (yield 4)[1:] if at else (yield 3)
            attempted.append(_chunk_ended(line, mail, rcpt, chunk))
            if not attempted[-1].connected:
                break
        else:
            if attempted[-1].state != "accepted":
                line.write(b"RSET\r\n")
                yield 1
            return attempted
    except ConnectionLost as error:
        line.abort()
        if len(attempted) == len(letters):  # lost at the closing RSET
            attempted[-1] = Attempted(attempted[-1].state, attempted[-1].reply, False, attempted[-1].stage)
            return attempted
        return attempted + [_in_doubt(error) for _ in range(len(letters) - len(attempted))]
    # The server announced that it closes (421): what stands behind was not taken, if it does; nobody knows.
    line.abort()
    lost = ConnectionLost("the server announced that it closes")
    return attempted + [_in_doubt(lost) for _ in range(len(letters) - len(attempted))]


def _chunk_ended(line: Line, mail: Reply, rcpt: Reply, chunk: Reply) -> Attempted:
    if chunk.positive and mail.positive and rcpt.positive:
        line.carried += 1
        return Attempted("accepted", chunk)
    refusal, stage = (
        (mail, "sender") if not mail.positive else (rcpt, "recipient") if not rcpt.positive else (chunk, "text")
    )
    if stage == "text":
        line.carried += 1
        if _nonsense(chunk):
            return _in_doubt(ConnectionLost("a reply that is none"))
    return Attempted(_state(refusal), refusal, refusal.code != 421 and chunk.code != 421, stage)


def _in_doubt(error: ConnectionLost) -> Attempted:
    return Attempted("uncertain", Reply(0, f"connection lost after the text: {error}"), connected=False)


def _ended(line: Line, final: Reply) -> Attempted:
    """The reply to the text."""
    line.carried += 1
    if final.positive:
        return Attempted("accepted", final)
    if _nonsense(final):
        line.abort()
        return _in_doubt(ConnectionLost("a reply that is none"))
    if final.code == 421:
        line.abort()
    return Attempted(_state(final), final, final.code != 421)


def _given_up(line: Line, refusal: Reply, stage: str) -> Generator[int, list[Reply], Attempted]:
    """Nothing was handed over: clear the envelope so that the connection can go on."""
    state = _state(refusal)
    if refusal.code == 421:  # it announces that the server closes
        line.abort()
        return Attempted(state, refusal, connected=False, stage=stage)
    try:
        line.write(b"RSET\r\n")
        (reset,) = yield 1
    except ConnectionLost:
        line.abort()
        return Attempted(state, refusal, connected=False, stage=stage)
    return Attempted(state, refusal, connected=reset.positive, stage=stage)


def _nonsense(reply: Reply) -> bool:
    """An answer to the text that says neither yes nor no: then nobody knows."""
    return reply.malformed or not 400 <= reply.code < 600


def _state(reply: Reply) -> str:
    """5xx is final; 4xx, and whatever does not belong at this point, may work later."""
    return "refused" if 500 <= reply.code < 600 else "deferred"
