"""A line to the database that can be cut: bytes stop passing, connections stay open, nobody is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import quote, urlsplit, urlunsplit

from psycopg.conninfo import conninfo_to_dict


class CutLine:
    """A proxy in front of a PostgreSQL server. `url` leads through it."""

    def __init__(self, url: str) -> None:
        target = conninfo_to_dict(url)
        self._host, self._port = str(target.get("host", "127.0.0.1")), int(target.get("port") or 5432)
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        port = self._server.sockets[0].getsockname()[1]
        parts = urlsplit(url)
        name, _, _ = parts.netloc.rpartition("@")
        path = f"/{target['dbname']}"
        self.url = urlunsplit(parts._replace(netloc=f"{name}@127.0.0.1:{port}", path=quote(path), query=""))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if self._host.startswith("/"):
                path = f"{self._host}/.s.PGSQL.{self._port}"
                inner_reader, inner_writer = await asyncio.open_unix_connection(path)
            else:
                inner_reader, inner_writer = await asyncio.open_connection(self._host, self._port)
            await asyncio.gather(self._pass(reader, inner_writer), self._pass(inner_reader, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    def cut(self) -> None:
        """From now on nothing passes."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def mend(self) -> None:
        """What was held back passes, and everything after it."""
        self._loop.call_soon_threadsafe(self._open.set)

    def close(self) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


@contextmanager
def cut_line(url: str) -> Iterator[CutLine]:
    """A line for the time of a test."""
    line = CutLine(url)
    try:
        yield line
    finally:
        line.close()
