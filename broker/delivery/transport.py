"""One SMTP connection, pipelined (RFC 5321, RFC 2920): opened, secured, logged in, and fed with dialogues."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import cast

from broker.delivery.converse import ConnectionLost, Dialogue, MayLeave, dialogue
from broker.delivery.letter import Attempted, Letter
from broker.delivery.smtp_reply import Reply, parse_reply

LONGEST_LINE = 8192
SLOW = 60.0
SEQUENCE_SECONDS = (
    0.2  # that mails which follow each other on a connection may take in all: the last look counts for all
)
Landed = Callable[[list[Attempted]], object]


class SmtpConnection(asyncio.Protocol):
    """A connection that carries one dialogue at a time. Replies arrive in order."""

    def __init__(self) -> None:
        self._buffer = b""
        self._lines: list[bytes] = []
        self._replies: list[Reply] = []
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._dialogue: Dialogue | None = None
        self._landed: Landed | None = None
        self._lost: str | None = None
        self._loop = asyncio.get_running_loop()
        self._seconds = 60.0
        self._deadline = 0.0
        self.extensions: dict[str, str] = {}
        self.carried = 0
        self.secured = False
        self._launched, self._letters = 0.0, 1
        self._mail_seconds = SLOW  # of one mail, as far as it is known

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not asserted: transports of other event loops (uvloop) are no subclasses.
        self._transport = cast("asyncio.Transport", transport)

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
            self._go_on()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = self._lost or (type(error).__name__ if error else "closed by the server")
        if self._dialogue is not None:
            self._step(ConnectionLost(self._lost))
        self._wake()

    def _go_on(self) -> None:
        if self._dialogue is None:
            self._wake()
            return
        while self._talks() and len(self._replies) >= self._wanted:
            taken, self._replies = self._replies[: self._wanted], self._replies[self._wanted :]
            self._step(taken)

    def _talks(self) -> bool:
        return self._dialogue is not None

    def _step(self, given: list[Reply] | ConnectionLost | None) -> None:
        """Let the dialogue go on to where it wants the next replies; each step may take the time allowed."""
        assert self._dialogue is not None
        try:
            if isinstance(given, ConnectionLost):
                self._wanted = self._dialogue.throw(given)
            else:
                self._wanted = self._dialogue.send(given)  # type: ignore[arg-type]  # None starts it
        except StopIteration as end:
            landed, self._dialogue, self._landed = self._landed, None, None
            self._deadline = 0.0
            self._mail_seconds = max(1e-4, (self._loop.time() - self._launched) / self._letters)
            if landed is not None:
                landed(end.value)
            return
        self._deadline = self._loop.time() + self._seconds
        if isinstance(given, ConnectionLost):  # it wants more of a connection that is gone
            self._step(given)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def alive(self) -> bool:
        """Whether it may carry another letter."""
        return not self._transport.is_closing()

    @property
    def takes_chunks(self) -> bool:
        """Whether several letters may leave in one go (RFC 2920, RFC 3030)."""
        return "CHUNKING" in self.extensions and "PIPELINING" in self.extensions

    def room(self, depth: int) -> int:
        """How many letters it may be given at once, of at most `depth`.

        All of them in one go where the server takes chunks; one after the other where it was quick so far.
        """
        if depth == 1 or self.takes_chunks:
            return depth
        if "PIPELINING" not in self.extensions:
            return 1
        return max(1, min(depth, int(SEQUENCE_SECONDS / self._mail_seconds)))

    def write(self, data: bytes) -> None:
        """Send bytes; of a connection that is gone nothing is said here: its loss is told to the dialogue."""
        self._transport.write(data)

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()

    def launch(
        self, letters: Sequence[Letter], seconds: float, may_leave: MayLeave, left: Callable[[], object], landed: Landed
    ) -> None:
        """Start to carry letters; `landed` gets what became of each, in order, once all is known."""
        self._seconds, self._landed = seconds, landed
        self._launched, self._letters = self._loop.time(), len(letters)
        self._dialogue = dialogue(self, letters, may_leave, left)
        if self._lost is not None or not self.alive:
            self._lost = self._lost or "closed by the server"
            self._wanted = 0
        self._step(None)
        if self._talks() and self._lost is not None:
            self._step(ConnectionLost(self._lost))

    def expire(self) -> None:
        """Break off what has waited for longer than it may."""
        if self._deadline and self._loop.time() > self._deadline:
            self._lost = "no reply in time"
            self._transport.abort()

    async def carry(
        self, letter: Letter, seconds: float, may_leave: MayLeave, left: Callable[[], object] = lambda: None
    ) -> Attempted:
        """Carry one letter and await what became of it."""
        done: asyncio.Future[list[Attempted]] = self._loop.create_future()
        self.launch([letter], seconds, may_leave, left, done.set_result)
        watch = asyncio.create_task(self._watched(seconds))
        try:
            return (await done)[0]
        finally:
            watch.cancel()

    async def _watched(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(min(1.0, seconds / 4))
            self.expire()

    async def reply(self, seconds: float) -> Reply:
        """The next reply; `ConnectionLost` when it does not come in time or the server has gone."""
        until = self._loop.time() + seconds
        while not self._replies:
            if self._lost is not None:
                raise ConnectionLost(self._lost)
            self._waiter, self._wanted = self._loop.create_future(), 1
            try:
                await asyncio.wait_for(self._waiter, max(0.0, until - self._loop.time()))
            except TimeoutError:
                self._transport.abort()
                raise ConnectionLost("no reply in time") from None
            finally:
                self._waiter = None
        return self._replies.pop(0)

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

    async def encrypt(self, relay: Relay, seconds: float) -> None:
        """STARTTLS (RFC 3207) by the relay's policy; what was offered before counts for nothing afterwards.

        `opportunistic` encrypts where it can and `encrypt` always, both whatever the certificate (RFC 7435: better than
        clear text, no proof of who it is); `required` verifies name and chain. Raises `TlsFailed`.
        """
        if "STARTTLS" not in self.extensions:
            if relay.tls == "opportunistic":
                return
            raise ConnectionLost("TLS is required and not offered")
        said = await self.command(b"STARTTLS", seconds)
        if not said.positive:
            if relay.tls == "opportunistic":
                return
            raise ConnectionLost(f"STARTTLS {said.code}")
        if self._buffer or self._replies:
            raise ConnectionLost("text injected before TLS")
        try:
            context = tls_context(relay)
            secured = await self._loop.start_tls(
                self._transport, self, context, server_hostname=relay.host, ssl_handshake_timeout=seconds
            )
        except (OSError, ssl.SSLError, ValueError) as error:
            raise TlsFailed(f"TLS: {getattr(error, 'reason', None) or type(error).__name__}") from None
        if secured is None:
            raise TlsFailed("TLS: closed in the handshake")
        self._transport, self.secured = secured, True
        await self.introduce(relay.name, seconds)

    async def authenticate(self, relay: Relay, seconds: float) -> None:
        """AUTH PLAIN (RFC 4616) or LOGIN. A password never travels in clear text unless TLS was switched off."""
        if relay.tls != "none" and not self.secured:
            raise ConnectionLost("no log-in without TLS")
        offered = self.extensions.get("AUTH", "PLAIN").upper().split()
        if "PLAIN" in offered:
            secret = base64.b64encode(f"\0{relay.username}\0{relay.password}".encode())
            said = await self.command(b"AUTH PLAIN " + secret, seconds)
        elif "LOGIN" in offered:
            said = await self.command(b"AUTH LOGIN", seconds)
            for word in (relay.username, relay.password):
                if said.code == 334:
                    said = await self.command(base64.b64encode(word.encode()), seconds)
        else:
            raise ConnectionLost(f"the relay takes no log-in that we know ({' '.join(offered)})")
        if not said.positive:
            raise ConnectionLost(f"log-in refused ({said.code})")

    def quit(self) -> None:
        """Say goodbye without waiting for the answer."""
        if self.alive:
            self._transport.write(b"QUIT\r\n")
            self._transport.close()


class TlsFailed(ConnectionLost):
    """The handshake did not succeed."""


@dataclass(frozen=True, slots=True)
class Relay:
    """Where letters are handed over, and how; `name` is what we call ourselves in EHLO."""

    host: str
    port: int
    name: str
    tls: str = "none"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    weight: int = 1
    connections: int = 1

    @property
    def label(self) -> str:
        """How it is named in pace rules and reports."""
        return f"{self.host}:{self.port}"


def tls_context(relay: Relay) -> ssl.SSLContext:
    """What the relay's policy asks of TLS."""
    context = ssl.create_default_context(cafile=relay.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if relay.tls != "required":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def connect(relay: Relay, seconds: float) -> SmtpConnection:
    """Open, greet, encrypt and log in as the relay asks; raises `ConnectionLost`."""
    try:
        return await _connect(relay, seconds, with_tls=relay.tls != "none")
    except TlsFailed:
        if relay.tls != "opportunistic" or relay.username:
            raise
        return await _connect(relay, seconds, with_tls=False)


async def _connect(relay: Relay, seconds: float, *, with_tls: bool) -> SmtpConnection:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(seconds):
            _, connection = await loop.create_connection(SmtpConnection, relay.host, relay.port)
    except (OSError, TimeoutError) as error:
        raise ConnectionLost(f"no connection to the relay: {type(error).__name__}") from None
    try:
        await connection.greet(relay.name, seconds)
        if with_tls:
            await connection.encrypt(relay, seconds)
        if relay.username:
            await connection.authenticate(relay, seconds)
    except ConnectionLost:
        connection.quit()
        raise
    return connection
