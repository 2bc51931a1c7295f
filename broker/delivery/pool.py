"""Connections to one relay, kept open from window to window; and how the relay fares."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from broker.delivery.converse import ConnectionLost
from broker.delivery.letter import Attempted
from broker.delivery.smtp_reply import reason_of
from broker.delivery.transport import Relay, SmtpConnection, connect
from broker.kernel.settings import MailSettings

PASSWORD = "COURTIER_RELAY_PASSWORD"  # noqa: S105 (the variable's name)
FIRST_REST, LONGEST_REST = 1.0, 300.0  # seconds
BREAKS_AFTER = 12  # faults of the relay itself in a row, whatever they are


def relays_of(mail: MailSettings) -> list[Relay]:
    """The relays of the settings. The second's password may stand in COURTIER_RELAY_PASSWORD_2, and so on."""
    general = os.environ.get(PASSWORD, "")
    return [
        Relay(
            each.host,
            each.port,
            mail.sending_domain,
            each.tls,
            each.username,
            os.environ.get(f"{PASSWORD}_{number}", general),
            each.tls_ca,
            each.weight,
            each.connections,
        )
        for number, each in enumerate(mail.relays, start=1)
    ]


@dataclass
class RelayHealth:
    """How a relay fares: each failure in a row doubles the time for which nobody knocks.

    `changed` is called with every turn for the worse or better: (seconds of rest, failures in a row, reason).
    """

    clock: Callable[[], float] = time.monotonic
    changed: Callable[[float, int, str | None], object] = lambda rest, failures, reason: None
    rest: float = 0.0
    until: float = 0.0
    failures: int = 0
    broken: bool = False  # its open connections are of no use either
    probing: bool = False  # after a failure one connection tries first: what it loses is one mail
    _faults: int = field(default=0, repr=False)

    @property
    def resting(self) -> bool:
        """Whether nobody should knock now."""
        return self.clock() < self.until

    def failed(self, reason: str) -> None:
        """A connection could not be had, or was lost before it carried anything."""
        now = self.clock()
        self.probing = False
        if now >= self.until:  # several connections that failed together are one failure
            self.rest = min(LONGEST_REST, max(FIRST_REST, 2 * self.rest))
            self.until = now + self.rest
            self.failures += 1
            self.changed(self.rest, self.failures, reason)

    def goes_on_resting(self, seconds: float, failures: int) -> None:
        """Another run found it wanting."""
        self.until, self.failures = self.clock() + seconds, failures
        self.rest = min(LONGEST_REST, FIRST_REST * 2 ** min(failures - 1, 20))

    def worked(self) -> None:
        """A new connection carried a mail."""
        if self.failures:
            self.changed(0.0, 0, None)
        self.rest = self.until = 0.0
        self.failures = 0
        self.broken = self.probing = False

    @property
    def seconds_left(self) -> float:
        """How long it still rests."""
        return max(0.0, self.until - self.clock())

    def saw(self, attempted: Attempted) -> None:
        """A mail ended. Where only the relay's own faults come, one after the other, it rests.

        Its own are: log-in and relaying refused, senders refused, connections closed, 421.
        """
        if attempted.state == "accepted" or not _is_relays_own(attempted):
            self._faults = 0
            return
        self._faults += 1
        if self._faults >= BREAKS_AFTER:
            self._faults = 0
            self.broken = True
            self.failed(f"{attempted.reply.code} at {attempted.stage}, {BREAKS_AFTER} times in a row")


def _is_relays_own(attempted: Attempted) -> bool:
    """Whether an end says something of the relay rather than of the recipient or the text."""
    return (
        attempted.reply.code in (0, 421)
        or attempted.stage in ("connection", "sender")
        or not attempted.connected
        or reason_of(attempted.reply) == "relay"
    )


class ConnectionPool:
    """Holds one connection per place; a lost one is opened again before the next window.

    A relay that refuses, falls silent or closes before it carried anything is left alone for a second, then for two,
    four, … up to five minutes.
    """

    def __init__(self, relay: Relay, places: int, seconds: float, health: RelayHealth) -> None:
        self._relay = relay
        self._seconds = seconds
        self._health = health
        self._open: list[SmtpConnection | None] = [None] * places
        self._unproven: set[int] = set()

    async def live(self) -> Sequence[SmtpConnection]:
        """The connections that can carry a letter now; empty while the relay rests."""
        health = self._health
        for at, held in enumerate(self._open):
            if held is None:
                continue
            if held.carried and at in self._unproven:
                # Only a new connection tells: old ones go on where a relay takes no more of them.
                self._unproven.discard(at)
                if not health.resting:
                    health.worked()
            if not held.alive:
                self._open[at] = None
                if not held.carried:
                    health.failed("closed before it carried anything")
        if health.resting and health.broken:
            self.close()
            return []
        if None in self._open and not health.resting:
            missing = [at for at, held in enumerate(self._open) if held is None]
            if health.failures:
                missing = [] if health.probing else missing[:1]
                health.probing = True
            opened = await asyncio.gather(*(self._connect(at) for at in missing))
            for at, connection in zip(missing, opened, strict=True):
                self._open[at] = connection
        return [held for held in self._open if held is not None]

    async def _connect(self, at: int) -> SmtpConnection | None:
        try:
            connection = await connect(self._relay, self._seconds)
        except ConnectionLost as error:
            self._health.failed(str(error))
            return None
        self._unproven.add(at)
        return connection

    def close(self) -> None:
        """Say goodbye on all."""
        for at, held in enumerate(self._open):
            if held is not None:
                held.quit()
                self._open[at] = None
