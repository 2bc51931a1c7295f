"""Connections to the relays, kept open from window to window."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from broker.delivery.transport import ConnectionLost, Relay, SmtpConnection, connect
from broker.kernel.settings import MailSettings

PASSWORD = "COURTIER_RELAY_PASSWORD"  # noqa: S105 (the variable's name)


def relays_of(mail: MailSettings) -> list[Relay]:
    """One entry for each connection that a worker may hold."""
    password = os.environ.get(PASSWORD, "")
    return [
        Relay(each.host, each.port, mail.sending_domain, each.tls, each.username, password)
        for each in mail.relays
        for _ in range(each.connections)
    ]


class ConnectionPool:
    """Holds one connection per place; a lost one is opened again before the next window."""

    def __init__(self, places: Sequence[Relay], seconds: float) -> None:
        self._places = list(places)
        self._seconds = seconds
        self._open: list[SmtpConnection | None] = [None] * len(self._places)

    async def live(self) -> list[SmtpConnection]:
        """The connections that can carry a letter now; empty when no relay answers."""
        missing = [at for at, held in enumerate(self._open) if held is None or not held.alive]
        if missing:
            opened = await asyncio.gather(*(self._connect(at) for at in missing))
            for at, connection in zip(missing, opened, strict=True):
                self._open[at] = connection
        return [held for held in self._open if held is not None]

    async def _connect(self, at: int) -> SmtpConnection | None:
        try:
            return await connect(self._places[at], self._seconds)
        except ConnectionLost:
            return None

    def close(self) -> None:
        """Say goodbye on all."""
        for held in self._open:
            if held is not None:
                held.quit()
