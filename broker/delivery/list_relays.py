"""The relays of the settings, and how each fares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker.delivery import pace_store
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import MailSettings

RelayState = Literal["well", "resting", "probing"]


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay: its share of the mail, and its state as all workers know it.

    `resting`: left alone until `resting_until`. `probing`: that is over, and one mail tries it before the others.
    """

    name: str
    weight: int
    connections: int
    tls: str
    state: RelayState
    failures: int
    reason: str | None
    resting_until: datetime | None
    since: datetime | None


def list_relays(unit: UnitOfWork, mail: MailSettings) -> list[Relay]:
    """Every relay of the settings, in their order."""
    unit.actor.require("broker")
    health = {row.name: row for row in pace_store.relays(unit)}
    relays = []
    for one in mail.relays:
        name = f"{one.host}:{one.port}"
        last = health.get(name)
        failed = last is not None and last.failures > 0
        until = last.resting_until if last is not None and failed else None
        state: RelayState = "well" if not failed else "resting" if until and until > unit.now else "probing"
        relays.append(
            Relay(
                name=name, weight=one.weight, connections=one.connections, tls=one.tls, state=state,
                failures=last.failures if last is not None else 0,
                reason=last.reason if last is not None and failed else None,
                resting_until=until,
                since=last.changed_at if last is not None else None,
            )
        )  # fmt: skip
    return relays
