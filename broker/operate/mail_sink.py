"""The built-in mail sink: an SMTP server that delivers nothing and keeps everything, for the demo and for tests.

A process of its own (it would otherwise share a core with what it serves). It offers PIPELINING, 8BITMIME, SMTPUTF8,
ENHANCEDSTATUSCODES and CHUNKING. Every message is appended, raw, to one file and is on its way to the disk before it
is acknowledged, so that killing the sink loses none it said yes to. Rules make it refuse, defer, drop or hang.

The file holds records: one line of JSON `{"from", "to", "size"}`, `size` raw bytes, a line feed.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from broker.kernel.errors import InvalidInput

ACTIONS = ("refuse", "defer", "defer-once", "drop", "drop-after", "hang")
FILE_NAME = "sink.mails"
_ADDRESS = re.compile(rb"<([^<>]*)>")
_CLOSE_AT_DATA, _CLOSE_AFTER, _HANG = "drop", "drop-after", "hang"


@dataclass(frozen=True, slots=True)
class SinkRule:
    """What happens to recipients that match.

    `refuse` 550, `defer` 451 (`defer-once`: the first time only), `drop` closes at DATA, `drop-after` keeps the message
    and closes without a reply, `hang` never answers the message.
    """

    action: str
    pattern: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class SunkMessage:
    """One message as it came: envelope and raw bytes (CRLF, dots unstuffed)."""

    mail_from: str
    rcpt_to: tuple[str, ...]
    raw: bytes


def parse_sink_rule(text: str) -> SinkRule:
    """`action:regular expression` over the recipient's address, for instance `refuse:^nobody@`."""
    action, colon, pattern = text.partition(":")
    if not colon or action not in ACTIONS:
        raise InvalidInput(
            f"A sink rule is written action:pattern, with an action of {', '.join(ACTIONS)}.", code="bad_sink_rule"
        )
    try:
        return SinkRule(action, re.compile(pattern))
    except re.error as error:
        raise InvalidInput(f"The sink rule's pattern is malformed: {error}.", code="bad_sink_rule") from None


def read_sunk(folder: Path, start: int = 0) -> Iterator[tuple[int, SunkMessage]]:
    """The messages kept in a sink's folder from byte `start` on, each with the offset behind it.

    A record still being written is left for the next time.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return
    with path.open("rb") as file:
        file.seek(start)
        while line := file.readline():
            if not line.endswith(b"\n"):
                return
            head = json.loads(line)
            raw = file.read(head["size"])
            if len(raw) < head["size"] or file.read(1) != b"\n":
                return
            yield file.tell(), SunkMessage(head["from"], tuple(head["to"]), raw)


class _Session(asyncio.Protocol):
    """One connection. Commands may come pipelined; each is answered in order."""

    def __init__(self, rules: Sequence[SinkRule], deferred: set[str], keep: Callable[[bytes], object]) -> None:
        self._rules = rules
        self._deferred = deferred
        self._keep = keep
        self._buffer = bytearray()
        self._scanned = 0
        self._in_data = False
        self._chunk_left = -1
        self._last_chunk = False
        self._no_chunks = b""  # the answer to a chunk that nobody is to get
        self._chunks = bytearray()
        self._fate = ""
        self._clear()

    def _clear(self) -> None:
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._fate = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink.courtier.test ESMTP ready\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while not self._transport.is_closing() and self._step():
            pass

    def _step(self) -> bool:
        """Take one command, message or chunk from the buffer; False when more bytes are needed."""
        if self._in_data:
            return self._take_message()
        if self._chunk_left >= 0:
            return self._take_chunk()
        end = self._buffer.find(b"\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        reply = self._answer(line)
        if reply:
            self._transport.write(reply)
        return True

    def _take_message(self) -> bool:
        if self._buffer.startswith(b".\r\n"):
            raw, size = b"", 3
        else:
            end = self._buffer.find(b"\r\n.\r\n", max(0, self._scanned - 4))
            if end < 0:
                self._scanned = len(self._buffer)
                return False
            raw, size = bytes(self._buffer[: end + 2]), end + 5
        del self._buffer[:size]
        self._scanned, self._in_data = 0, False
        if raw.startswith(b"."):
            raw = raw[1:]
        self._end_message(raw.replace(b"\r\n..", b"\r\n."))
        return True

    def _take_chunk(self) -> bool:
        if len(self._buffer) < self._chunk_left:
            return False
        self._chunks += self._buffer[: self._chunk_left]
        del self._buffer[: self._chunk_left]
        self._chunk_left = -1
        if self._no_chunks:
            self._chunks.clear()
            self._transport.write(self._no_chunks)
            return True
        if not self._last_chunk:
            self._transport.write(b"250 2.0.0 chunk kept\r\n")
            return True
        raw, self._chunks = bytes(self._chunks), bytearray()
        self._end_message(raw)
        return True

    def _end_message(self, raw: bytes) -> None:
        fate = self._fate
        if fate != _HANG:
            head = {"from": self._sender or "", "to": self._recipients, "size": len(raw)}
            self._keep(json.dumps(head).encode() + b"\n" + raw + b"\n")
        self._clear()
        if fate == _CLOSE_AFTER:
            self._transport.abort()
        elif fate != _HANG:
            self._transport.write(b"250 2.0.0 kept\r\n")

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"MAIL":
            return self._mail(line)
        if verb == b"RCPT":
            return self._rcpt(line)
        if verb == b"DATA":
            return self._data()
        if verb == b"BDAT":
            return self._bdat(line)
        if verb == b"RSET":
            self._clear()
            return b"250 2.0.0 reset\r\n"
        if verb == b"EHLO":
            return (
                b"250-sink.courtier.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
                b"250-CHUNKING\r\n250-SIZE 52428800\r\n250 ENHANCEDSTATUSCODES\r\n"
            )
        if verb in (b"HELO", b"NOOP"):
            return b"250 2.0.0 ok\r\n"
        if verb == b"QUIT":
            self._transport.write(b"221 2.0.0 bye\r\n")
            self._transport.close()
            return b""
        return b"500 5.5.2 unknown command\r\n"

    def _mail(self, line: bytes) -> bytes:
        found = _ADDRESS.search(line)
        if found is None:
            return b"501 5.5.4 address missing\r\n"
        if self._sender is not None:
            return b"503 5.5.1 nested MAIL\r\n"
        self._sender = found[1].decode("utf-8", "replace")
        return b"250 2.1.0 ok\r\n"

    def _rcpt(self, line: bytes) -> bytes:
        found = _ADDRESS.search(line)
        if self._sender is None or found is None:
            return b"503 5.5.1 MAIL first\r\n"
        recipient = found[1].decode("utf-8", "replace")
        for rule in self._rules:
            if not rule.pattern.search(recipient):
                continue
            if rule.action == "refuse":
                return b"550 5.1.1 <" + found[1] + b"> no such mailbox\r\n"
            if rule.action == "defer" or (rule.action == "defer-once" and recipient not in self._deferred):
                self._deferred.add(recipient)
                return b"451 4.7.1 <" + found[1] + b"> try again later\r\n"
            if rule.action in (_CLOSE_AT_DATA, _CLOSE_AFTER, _HANG):
                self._fate = rule.action
        self._recipients.append(recipient)
        return b"250 2.1.5 ok\r\n"

    def _data(self) -> bytes:
        if not self._recipients:
            return b"554 5.5.1 no valid recipients\r\n"
        if self._fate == _CLOSE_AT_DATA:
            self._transport.abort()
            return b""
        self._in_data = True
        return b"354 go ahead\r\n"

    def _bdat(self, line: bytes) -> bytes:
        words = line.split()
        if len(words) < 2 or not words[1].isdigit():
            return b"501 5.5.4 size missing\r\n"
        # Where nobody is to get it the chunk is read all the same, and thrown away (RFC 3030, 2).
        self._no_chunks = b"" if self._recipients else b"503 5.5.1 no valid recipients\r\n"
        if self._recipients and self._fate == _CLOSE_AT_DATA:
            self._transport.abort()
            return b""
        self._chunk_left = int(words[1])
        self._last_chunk = len(words) > 2 and words[2].upper() == b"LAST"
        return b""


async def serve_sink(
    host: str, port: int, folder: Path, rules: Sequence[SinkRule], ready: Callable[[int], None]
) -> None:
    """Serve until SIGTERM or SIGINT; `ready` gets the port (of use when `port` is 0)."""
    folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    file: BinaryIO
    with (folder / FILE_NAME).open("ab", buffering=0) as file:
        deferred: set[str] = set()
        server = await loop.create_server(lambda: _Session(rules, deferred, file.write), host, port, backlog=512)
        async with server:
            ready(server.sockets[0].getsockname()[1])
            await stop.wait()
            server.close()


def run_sink(host: str, port: int, folder: Path, rules: Sequence[SinkRule], ready: Callable[[int], None]) -> None:
    """`serve_sink` as a process's whole work."""
    asyncio.run(serve_sink(host, port, folder, rules, ready))
