"""One window on its way over several connections."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from broker.delivery.letter import Attempted
from broker.delivery.model import Prepared
from broker.delivery.transport import SmtpConnection

AWAY_SECONDS = 0.05  # then the processor is used for what comes next, whether all texts have left or not


class Flight:
    """The mails of a window, each connection's share, and what became of them."""

    def __init__(self, rows: Sequence[Prepared], connections: Sequence[SmtpConnection], depth: int) -> None:
        self._shares = list(_spread(rows, connections, depth))
        self._landed: list[list[Attempted]] = [[] for _ in self._shares]
        self._in_air = self._here = len(self._shares)
        loop = asyncio.get_running_loop()
        self._all_left: asyncio.Future[None] = loop.create_future()
        self._all_landed: asyncio.Future[None] = loop.create_future()

    def start(self, seconds: float, may_leave: Callable[[], bool]) -> None:
        """Let all connections begin; each reply may take so many seconds."""
        for at, (connection, rows) in enumerate(self._shares):
            letters = [row.letter for row in rows if row.letter is not None]
            connection.launch(letters, seconds, may_leave, self._one_left, partial(self._one_landed, at))

    def _one_left(self) -> None:
        self._here -= 1
        if self._here <= 0 and not self._all_left.done():
            self._all_left.set_result(None)

    def _one_landed(self, at: int, attempted: list[Attempted]) -> None:
        self._landed[at] = attempted
        self._in_air -= 1
        if self._in_air == 0:
            self._all_landed.set_result(None)
            if not self._all_left.done():
                self._all_left.set_result(None)

    async def away(self) -> None:
        """Until all texts have left, or a moment."""
        if not self._all_left.done():
            await asyncio.wait([self._all_left], timeout=AWAY_SECONDS)

    async def landed(self, seconds: float, every: float, renew: Callable[[], object]) -> None:
        """Until all is known; breaks off what is overdue, and calls `renew` every so many seconds."""
        loop = asyncio.get_running_loop()
        renewed = loop.time()
        while not self._all_landed.done():
            await asyncio.wait([self._all_landed], timeout=min(1.0, seconds / 4, every))
            if self._all_landed.done():
                return
            for connection, _ in self._shares:
                connection.expire()
            if loop.time() - renewed >= every:
                renewed = loop.time()
                renew()

    def results(self) -> Iterator[tuple[Prepared, Attempted]]:
        """Each mail with what became of it."""
        for (_, rows), attempted in zip(self._shares, self._landed, strict=True):
            yield from zip(rows, attempted, strict=True)


def _spread(
    rows: Sequence[Prepared], connections: Sequence[SmtpConnection], depth: int
) -> Iterator[tuple[SmtpConnection, Sequence[Prepared]]]:
    """Each connection its share, as even as their room allows."""
    rooms = [connection.room(depth) for connection in connections]
    behind = sum(rooms)
    start = 0
    for at, (connection, most) in enumerate(zip(connections, rooms, strict=True)):
        remaining = len(rows) - start
        if remaining <= 0:
            return
        behind -= most
        share = min(most, -(-remaining // (len(connections) - at)))
        # Connections behind this one may take less than an even share.
        share = max(share, min(most, remaining - behind))
        yield connection, rows[start : start + share]
        start += share
