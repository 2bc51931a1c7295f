"""Connections to the relays, kept open from window to window; a relay that fails rests, the others go on."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from broker.delivery.converse import ConnectionLost
from broker.delivery.transport import Relay, SmtpConnection, connect
from broker.kernel.settings import MailSettings

PASSWORD = "COURTIER_RELAY_PASSWORD"  # noqa: S105 (the variable's name)
FIRST_REST, LONGEST_REST = 1.0, 300.0  # seconds


def relays_of(mail: MailSettings) -> list[Relay]:
    """One entry for each connection that a worker may hold."""
    password = os.environ.get(PASSWORD, "")
    return [
        Relay(each.host, each.port, mail.sending_domain, each.tls, each.username, password)
        for each in mail.relays
        for _ in range(each.connections)
    ]


@dataclass
class _Health:
    """How a relay fares: each failure in a row doubles the time for which nobody knocks."""

    rest: float = 0.0
    until: float = 0.0

    def failed(self, now: float) -> None:
        if now >= self.until:  # several connections that failed together are one failure
            self.rest = min(LONGEST_REST, max(FIRST_REST, 2 * self.rest))
            self.until = now + self.rest

    def worked(self) -> None:
        self.rest = self.until = 0.0


class ConnectionPool:
    """Holds one connection per place; a lost one is opened again before the next window.

    A relay that refuses, falls silent or closes before it carried anything is left alone for a second, then for two,
    four, … up to five minutes; meanwhile the connections to other relays carry the mail.
    """

    def __init__(self, places: Sequence[Relay], seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._places = list(places)
        self._seconds = seconds
        self._clock = clock
        self._open: list[SmtpConnection | None] = [None] * len(self._places)
        self._unproven: set[int] = set()
        self._health = {relay: _Health() for relay in self._places}

    async def live(self) -> list[SmtpConnection]:
        """The connections that can carry a letter now; empty when no relay answers."""
        for at, held in enumerate(self._open):
            if held is not None and held.carried and at in self._unproven:
                # Only a new connection tells: old ones go on where a relay takes no more of them.
                self._unproven.discard(at)
                self._health[self._places[at]].worked()
            if held is not None and not held.alive:
                self._open[at] = None
                if not held.carried:
                    self._health[self._places[at]].failed(self._clock())
        now = self._clock()
        missing = [
            at for at, held in enumerate(self._open) if held is None and now >= self._health[self._places[at]].until
        ]
        if missing:
            opened = await asyncio.gather(*(self._connect(at) for at in missing))
            for at, connection in zip(missing, opened, strict=True):
                self._open[at] = connection
        return [held for held in self._open if held is not None]

    async def _connect(self, at: int) -> SmtpConnection | None:
        try:
            connection = await connect(self._places[at], self._seconds)
        except ConnectionLost:
            self._health[self._places[at]].failed(self._clock())
            return None
        self._unproven.add(at)
        return connection

    def close(self) -> None:
        """Say goodbye on all."""
        for held in self._open:
            if held is not None:
                held.quit()
