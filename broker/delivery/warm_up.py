"""The warm-up of a sending domain: daily caps that grow until the plan is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from broker.audit.record import record
from broker.delivery import pace_store
from broker.delivery.pace_model import check_limit, check_name, growing_caps
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound


@dataclass(frozen=True, slots=True)
class WarmUp:
    """A plan: `caps` of its days in order, from `started_on` on; `used` of today's."""

    domain: str
    started_on: date
    caps: tuple[int, ...]
    used: int = 0

    def cap(self, day: date) -> int | None:
        """How many mails may leave on a day; None once the plan is over. Before its start: none at all."""
        at = (day - self.started_on).days
        if at < 0:
            return 0
        return self.caps[at] if at < len(self.caps) else None


def start_warm_up(unit: UnitOfWork, domain: str, *, first: int, growth_bp: int, until: int) -> WarmUp:
    """A plan from today on: `first` mails, every day `growth_bp` ten-thousandths of the day before, up to `until`."""
    return set_warm_up(unit, domain, growing_caps(first, growth_bp, until), unit.today)


def set_warm_up(unit: UnitOfWork, domain: str, caps: Sequence[int], started_on: date) -> WarmUp:
    """A plan day by day. Raises `InvalidInput`."""
    unit.actor.require("broker")
    domain = domain.strip().lower()
    check_name("domain", domain)
    if not 1 <= len(caps) <= 366:
        raise InvalidInput("A warm-up takes from 1 to 366 days.", code="bad_warm_up")
    for cap in caps:
        check_limit(cap, "A day's cap")
    pace_store.set_warm_up(unit, domain, started_on, caps)
    record(unit, "warm_up.set", "domain", domain, days=len(caps), first=caps[0], last=caps[-1])
    return WarmUp(domain, started_on, tuple(caps))


def end_warm_up(unit: UnitOfWork, domain: str) -> None:
    """No cap any more. Raises `NotFound`."""
    unit.actor.require("broker")
    domain = domain.strip().lower()
    if not pace_store.end_warm_up(unit, domain):
        raise NotFound(f"{domain} has no warm-up plan.", code="warm_up_not_found")
    record(unit, "warm_up.ended", "domain", domain)


def list_warm_ups(unit: UnitOfWork) -> list[WarmUp]:
    """All plans, with what of today's cap is used."""
    unit.actor.require("broker")
    return [WarmUp(row.domain, row.started_on, tuple(row.caps), row.used) for row in pace_store.warm_ups(unit)]


def warm_up_of(unit: UnitOfWork, domain: str) -> WarmUp | None:
    """The plan of a sending domain, or None."""
    row = pace_store.warm_up(unit, domain)
    return None if row is None else WarmUp(row.domain, row.started_on, tuple(row.caps))
