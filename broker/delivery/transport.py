"""One SMTP connection, pipelined (RFC 5321, RFC 2920): MAIL, RCPT and DATA leave as one group.

What an attempt ends with never overstates what is known: before the final dot has left nothing was handed over
(`deferred`); once it has left, a missing reply means that nobody knows (`uncertain`).
"""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from broker.delivery.smtp_reply import Reply, parse_reply

LONGEST_LINE = 8192


class ConnectionLost(Exception):
    """The server closed, reset, or fell silent for longer than the time allowed."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail, ready to leave: envelope and raw bytes with CRLF line ends, not dot-stuffed."""

    mail_from: bytes
    rcpt_to: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Attempted:
    """What became of a letter: state of the send, the reply it rests on, and whether the connection is still good."""

    state: str  # accepted, refused, deferred or uncertain
    reply: Reply
    connected: bool = True


def dot_stuffed(raw: bytes) -> bytes:
    """The bytes between 354 and the reply: leading dots doubled, the final dot appended (RFC 5321, 4.5.2)."""
    if b"\r\n." in raw:
        raw = raw.replace(b"\r\n.", b"\r\n..")
    if raw.startswith(b"."):
        raw = b"." + raw
    return raw + b".\r\n" if raw.endswith(b"\r\n") else raw + b"\r\n.\r\n"


class SmtpConnection(asyncio.Protocol):
    """A connection that carries one letter at a time. Replies arrive in order and are awaited one by one."""

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[bytes] = []
        self._replies: list[Reply] = []
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 1
        self._lost: str | None = None
        self.extensions: dict[str, str] = {}
        self.carried = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        if len(self._buffer) > LONGEST_LINE:
            self._transport.abort()
        for line in lines:
            self._lines.append(line.rstrip(b"\r"))
            if line[3:4] != b"-":
                self._replies.append(parse_reply(self._lines))
                self._lines = []
        if len(self._replies) >= self._wanted:
            self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = type(error).__name__ if error else "closed by the server"
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def alive(self) -> bool:
        """Whether it may carry another letter."""
        return not self._transport.is_closing()

    async def reply(self, seconds: float) -> Reply:
        """The next reply; `ConnectionLost` when it does not come in time or the server has gone."""
        return (await self.replies(1, seconds))[0]

    async def replies(self, count: int, seconds: float) -> list[Reply]:
        """The next replies, awaited together; `ConnectionLost` when not all of them come."""
        if len(self._replies) < count:
            await self._wait(count, time.monotonic() + seconds)
        taken, self._replies = self._replies[:count], self._replies[count:]
        return taken

    async def _wait(self, count: int, until: float) -> None:
        loop = asyncio.get_running_loop()
        while len(self._replies) < count:
            if self._lost is not None:
                raise ConnectionLost(self._lost)
            if time.monotonic() >= until:
                self._transport.abort()
                raise ConnectionLost("no reply in time")
            self._waiter, self._wanted = loop.create_future(), count
            timer = loop.call_later(max(0.0, until - time.monotonic()), self._wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None

    async def command(self, line: bytes, seconds: float) -> Reply:
        """Send one command and await its reply."""
        self._transport.write(line + b"\r\n")
        return await self.reply(seconds)

    async def greet(self, name: str, seconds: float) -> None:
        """Await the banner and say EHLO."""
        banner = await self.reply(seconds)
        if not banner.positive:
            raise ConnectionLost(f"banner {banner.code}")
        await self.introduce(name, seconds)

    async def introduce(self, name: str, seconds: float) -> None:
        """EHLO (HELO where that is unknown): learns what the server offers."""
        said = await self.command(b"EHLO " + name.encode(), seconds)
        if said.positive:
            offers = (line.partition(" ") for line in said.text.splitlines()[1:])
            self.extensions = {keyword.upper(): rest for keyword, _, rest in offers}
        elif not (await self.command(b"HELO " + name.encode(), seconds)).positive:
            raise ConnectionLost("EHLO and HELO refused")

    async def encrypt(self, host: str, name: str, seconds: float, *, required: bool) -> None:
        """STARTTLS (RFC 3207) with the server's name verified; what was offered before counts for nothing."""
        if "STARTTLS" not in self.extensions:
            if required:
                raise ConnectionLost("TLS is required and not offered")
            return
        said = await self.command(b"STARTTLS", seconds)
        if not said.positive:
            raise ConnectionLost(f"STARTTLS {said.code}")
        if self._buffer or self._replies:
            raise ConnectionLost("text injected before TLS")
        loop = asyncio.get_running_loop()
        try:
            context = ssl.create_default_context()
            secured = await loop.start_tls(self._transport, self, context, server_hostname=host)
        except (OSError, ssl.SSLError) as error:
            raise ConnectionLost(f"TLS: {type(error).__name__}") from None
        assert isinstance(secured, asyncio.Transport)
        self._transport = secured
        await self.introduce(name, seconds)

    async def authenticate(self, username: str, password: str, seconds: float) -> None:
        """AUTH PLAIN (RFC 4616)."""
        secret = base64.b64encode(f"\0{username}\0{password}".encode())
        said = await self.command(b"AUTH PLAIN " + secret, seconds)
        if not said.positive:
            raise ConnectionLost(f"log-in refused ({said.code})")

    async def carry(
        self, letter: Letter, seconds: float, may_leave: Callable[[], bool], left: Callable[[], None]
    ) -> Attempted:
        """Try to hand over one letter.

        `may_leave` is asked at the last moment before the text leaves: a worker that slept through its lease must not
        send. `left` is called when the text has left (or never will), so that the caller can use the wait.
        """
        sent_dot = False
        try:
            group = b"MAIL FROM:<%b>\r\nRCPT TO:<%b>\r\nDATA\r\n" % (letter.mail_from, letter.rcpt_to)
            if "PIPELINING" in self.extensions:
                self._transport.write(group)
                mail, rcpt, data = await self.replies(3, seconds)
            else:
                mail = await self.command(b"MAIL FROM:<%b>" % letter.mail_from, seconds)
                if not mail.positive:
                    return await self._given_up(mail, seconds)
                rcpt = await self.command(b"RCPT TO:<%b>" % letter.rcpt_to, seconds)
                if not rcpt.positive:
                    return await self._given_up(rcpt, seconds)
                data = await self.command(b"DATA", seconds)
            refusal = next((said for said in (mail, rcpt) if not said.positive), None)
            if data.code != 354:
                return await self._given_up(refusal or data, seconds)
            if refusal is not None:
                # A server may say 354 though no recipient stands: an empty text ends it (RFC 2920, 3.1).
                await self.command(b".", seconds)
                return await self._given_up(refusal, seconds)
            if not may_leave():
                self._transport.abort()
                return Attempted("deferred", Reply(451, "lease over before the text left"), connected=False)
            sent_dot = True
            self._transport.write(dot_stuffed(letter.raw))
            left()
            final = await self.reply(seconds)
        except ConnectionLost as error:
            left()
            self._transport.abort()
            if sent_dot:
                return Attempted("uncertain", Reply(0, f"connection lost after the text: {error}"), connected=False)
            return Attempted("deferred", Reply(451, f"connection lost before the text: {error}"), connected=False)
        self.carried += 1
        if final.positive:
            return Attempted("accepted", final)
        return Attempted(*_failure(final), connected=self._usable(final))

    async def _given_up(self, refusal: Reply, seconds: float) -> Attempted:
        """Nothing was handed over: clear the envelope so that the connection can go on."""
        state, reply = _failure(refusal)
        if not self._usable(refusal):
            return Attempted(state, reply, connected=False)
        try:
            reset = await self.command(b"RSET", seconds)
        except ConnectionLost:
            return Attempted(state, reply, connected=False)
        return Attempted(state, reply, connected=reset.positive)

    def _usable(self, reply: Reply) -> bool:
        """421 announces that the server closes; what it refused is only put off."""
        if reply.code == 421:
            self._transport.abort()
        return reply.code != 421

    def quit(self) -> None:
        """Say goodbye without waiting for the answer."""
        if self.alive:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()


def _failure(reply: Reply) -> tuple[str, Reply]:
    """5xx is final; 4xx, and whatever does not belong at this point, may work later."""
    return ("refused" if 500 <= reply.code < 600 else "deferred"), reply


@dataclass(frozen=True, slots=True)
class Relay:
    """Where letters are handed over, and how; `name` is what we call ourselves in EHLO."""

    host: str
    port: int
    name: str
    tls: str = "none"
    username: str = ""
    password: str = field(default="", repr=False)


async def connect(relay: Relay, seconds: float) -> SmtpConnection:
    """Open, greet, encrypt and log in as the relay asks; raises `ConnectionLost`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            _, connection = await loop.create_connection(SmtpConnection, relay.host, relay.port)
    except (OSError, TimeoutError) as error:
        raise ConnectionLost(f"no connection to the relay: {type(error).__name__}") from None
    try:
        await connection.greet(relay.name, seconds)
        if relay.tls != "none":
            await connection.encrypt(relay.host, relay.name, seconds, required=relay.tls == "required")
        if relay.username:
            await connection.authenticate(relay.username, relay.password, seconds)
    except ConnectionLost:
        connection.quit()
        raise
    return connection
