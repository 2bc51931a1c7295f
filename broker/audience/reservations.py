"""Pressure on a day to come: what was sent, what is frozen for a day, and what orders keep that are not frozen yet.

A count for a send date takes away two kinds of contacts:

- `pressure`: who would have had as many mails as one may get in the 7 or the 30 days that end with the date, or that
  begin with it. Frozen recipients count on their mailing's day, from whatever base.
- `reserved`: who gets another mail on that very day.

Before its mailing is frozen nobody knows whom an order will write to, only how many. Each such order (placed: an option
for a few days; approved or paid: a reservation) and each picked affiliate send is therefore drawn here: its volume
among those its own rule takes, at random but always the same, as its freeze will draw. So figures are exact sums,
and two orders of the same day count each other's people once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience import reservations_store as store
from broker.audience.columns import with_derived
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.references import checked_rule
from broker.audience.reservations_store import Kept
from broker.audience.rule import both
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import TradeSettings

FARTHEST_DAYS = 730
WEEK, MONTH = 7, 30


@dataclass(frozen=True)
class DayPressure:
    """Which rows of a snapshot a day's pressure takes: `pressed` are at the cap, `reserved` have a mail that day."""

    pressed: Mask
    reserved: Mask


def check_send_date(unit: UnitOfWork, send_on: date) -> None:
    """Refuse a day that has passed or lies years ahead; raises `send_date_passed`, `send_date_far`."""
    if send_on < unit.today:
        raise InvalidInput("The send date has passed.", code="send_date_passed", field="send_on")
    if send_on > unit.today + timedelta(days=FARTHEST_DAYS):
        raise InvalidInput("The send date lies more than two years ahead.", code="send_date_far", field="send_on")


def state_of(unit: UnitOfWork, trade: TradeSettings, base_id: int, send_on: date) -> tuple[object, ...]:
    """What the pressure on a day follows from, besides the snapshot: equal as long as it stays the same."""
    kept = store.kept_volumes(unit, base_id, send_on, MONTH, trade.option_days)
    return (*store.sending_state(unit), *((one.code, one.on_date, one.volume) for one in kept))


def pressure_on(unit: UnitOfWork, trade: TradeSettings, snapshot: LoadedSnapshot, send_on: date) -> DayPressure:
    """The pressure on a day (today or later) for the contacts of a snapshot."""
    rows = len(snapshot.noise)
    kept = store.kept_volumes(unit, snapshot.row.base_id, send_on, MONTH, trade.option_days)
    # A mail of the day itself belongs to both windows: before (ends with the day) and after (begins with it).
    counts = {name: np.zeros(rows, dtype=np.uint16) for name in ("week", "month", "week_after", "month_after")}
    reserved = np.zeros(rows, dtype=np.bool_)
    for day, keys in store.mail_days(unit, send_on, MONTH):
        found = snapshot.places_of_keys(keys)
        _add(counts, reserved, found, (day - send_on).days)
    for one in kept:
        _add(counts, reserved, _drawn(unit, snapshot, one), (one.on_date - send_on).days)
    pressed = (
        (counts["week"] >= trade.pressure_per_week)
        | (counts["week_after"] >= trade.pressure_per_week)
        | (counts["month"] >= trade.pressure_per_month)
        | (counts["month_after"] >= trade.pressure_per_month)
    )
    return DayPressure(pressed, reserved)


def _add(counts: dict[str, NDArray[np.uint16]], reserved: Mask, rows: NDArray[np.intp], away: int) -> None:
    """One mail more for each of these rows, `away` days from the send date. A row may stand twice: two mails."""
    if away == 0:
        reserved[rows] = True
    for name, days in (("week", WEEK), ("month", MONTH)):
        if -days < away <= 0:
            np.add.at(counts[name], rows, 1)
        if 0 <= away < days:
            np.add.at(counts[f"{name}_after"], rows, 1)


def _drawn(unit: UnitOfWork, snapshot: LoadedSnapshot, kept: Kept) -> NDArray[np.intp]:
    """The rows that stand for an order's volume: always the same ones of its own audience."""
    columns = with_derived(snapshot.table(unit.today).columns)
    try:
        rule = checked_rule(unit, snapshot.row.base_id, both(kept.rule, kept.select_rule), columns)
    except InvalidInput:  # a field of its rule is gone: it takes nobody any more
        return np.zeros(0, dtype=np.intp)
    members = np.flatnonzero(snapshot.mask(rule, unit.today) & snapshot.consent & ~snapshot.minor)
    if len(members) <= kept.volume:
        return members
    marks = spread(snapshot.noise[members], kept.code)
    chosen: NDArray[np.intp] = members[np.argpartition(marks, kept.volume - 1)[: kept.volume]]
    return chosen


def spread(noise: NDArray[np.integer[Any]], code: str) -> NDArray[np.uint64]:
    """An evenly spread number for each contact that follows from its secret key and an order's code (a SplitMix64
    finaliser over their sum: Steele, Lea & Flood, OOPSLA 2014)."""
    seed = int.from_bytes(hashlib.blake2b(code.encode(), digest_size=8).digest(), "little")
    mixed = noise.astype(np.uint64) + np.uint64(seed)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    found: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return found
