"""Pressure on a base: its owner's caps, which planned mailings are in each other's way, and which day is free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from broker.audience.pressure_caps import Caps
from broker.audience.rule import Rule
from broker.audit.record import record
from broker.bases import calendar_store
from broker.bases.calendar import why_kept
from broker.bases.find_base import find_base
from broker.bases.model import Base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import TradeSettings
from broker.mailings import pressure_store as store

LOOK_AHEAD_DAYS = 60
LITTLE = 0.1  # a day that costs no more than this share of the people is a free one


@dataclass(frozen=True, slots=True)
class PlannedMail:
    """Something planned on a base: `kept_as` is the code under which its people are kept, `beside` how many other
    mailings are planned within six days of it, `same_day` how many of them on its day."""

    send_on: date
    kind: str
    title: str
    code: str
    state: str
    kept_as: str
    rule: Rule | None
    advertiser_id: int
    volume: int | None
    beside: int
    same_day: int


@dataclass(frozen=True, slots=True)
class DayOffer:
    """One day for a mailing: how many of its people it would lose, and why the calendar forbids it (None: it does
    not). `free`: it may leave, and loses hardly anybody."""

    day: date
    pressed: int
    reserved: int
    left: int
    closed: str | None
    free: bool


def own_caps(unit: UnitOfWork, base_code: str) -> tuple[Base, Caps | None, tuple[int | None, int | None]]:
    """The base, the caps its owner set (None: none), and its weekly and monthly caps as they were entered."""
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    row = store.caps_set(unit, base.id)
    if row is None:
        return base, None, (None, None)
    caps = Caps(0, 0, row.advertiser_week, row.advertiser_month, row.own_counts, row.caps_own)
    return base, caps, (row.per_week, row.per_month)


def set_pressure(
    unit: UnitOfWork,
    trade: TradeSettings,
    base_code: str,
    *,
    per_week: int | None,
    per_month: int | None,
    advertiser_week: int | None,
    advertiser_month: int | None,
    own_counts: bool,
    caps_own: bool,
) -> None:
    """Set a base's caps. They may be stricter than the platform's, never looser; None: as the platform has it.

    Raises `bad_number` (naming the field), `looser_cap`.
    """
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    given = {
        "per_week": (per_week, trade.pressure_per_week),
        "per_month": (per_month, trade.pressure_per_month),
        "advertiser_week": (advertiser_week, trade.pressure_per_week),
        "advertiser_month": (advertiser_month, trade.pressure_per_month),
    }
    for field, (value, most) in given.items():
        if value is not None and value < 1:
            raise InvalidInput("Write a whole number from 1, or leave it empty.", code="bad_number", field=field)
        if value is not None and value > most:
            raise InvalidInput(
                f"The platform allows {most} at most here: a base may be stricter, not looser.",
                code="looser_cap",
                field=field,
            )
    store.set_caps(
        unit, base.id, Caps(0, 0, advertiser_week, advertiser_month, own_counts, caps_own), per_week, per_month
    )
    record(unit, "pressure.set", "base", base_code, **{name: value for name, (value, _) in given.items()})


def planned_mail(unit: UnitOfWork, base: Base) -> list[PlannedMail]:
    """What is planned on a base of the actor's in the next 60 days, with how much of it lies close together."""
    unit.actor.require("owner")
    rows = store.planned(unit, base.id, unit.today, unit.today + timedelta(days=LOOK_AHEAD_DAYS))
    found = []
    for row in rows:
        away = [abs((other.send_on - row.send_on).days) for other in rows if other is not row]
        found.append(
            PlannedMail(**row._asdict(), beside=sum(days < 7 for days in away), same_day=sum(not days for days in away))
        )
    return found


def day_offers(
    unit: UnitOfWork, base_id: int, people: int, counted: Sequence[dict[str, int | str]], *, own: bool
) -> list[DayOffer]:
    """The days that the audience process counted, with what the calendar says of each (nothing to the owner's own)."""
    first = date.fromisoformat(str(counted[0]["day"]))
    rule = calendar_store.rule_of(unit, base_id)
    kept = calendar_store.kept_days(unit, base_id, first)
    offers = []
    for one in counted:
        day = date.fromisoformat(str(one["day"]))
        closed = None if own else why_kept(day, rule, kept)
        lost = int(one["pressed"]) + int(one["reserved"])
        free = closed is None and lost <= LITTLE * people
        offers.append(DayOffer(day, int(one["pressed"]), int(one["reserved"]), int(one["left"]), closed, free))
    return offers


def next_window(offers: Sequence[DayOffer], after: date | None = None) -> DayOffer | None:
    """The first free day (after one); without any the open day that keeps most people."""
    days = [one for one in offers if after is None or one.day > after]
    free = next((one for one in days if one.free), None)
    if free is not None:
        return free
    open_days = [one for one in days if one.closed is None and one.left]
    return max(open_days, key=lambda one: one.left, default=None)
