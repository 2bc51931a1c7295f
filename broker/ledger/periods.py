"""Months: open, soft-closed, locked. A locked month never reopens; the database refuses it as well."""

from __future__ import annotations

from datetime import date
from typing import Literal

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.ledger import store

PeriodState = Literal["open", "soft_closed", "locked"]


def month_of(day: date) -> date:
    """The first day of a day's month: how periods are named."""
    return day.replace(day=1)


def set_period(unit: UnitOfWork, day: date, state: PeriodState) -> None:
    """Close the month of `day`, softly or for good; opening one again is `ledger.reopen`.

    Raises `Conflict` (`period_locked`) when it is locked already, `needs_reopening`.
    """
    unit.actor.require("accountant")
    month = month_of(day)
    store.lock_numbers(unit)  # no entry may slip into the month while it closes
    before = store.period_state(unit, month)
    if before == state:
        return
    if before == "locked":
        raise Conflict(f"The period {month:%Y-%m} is locked and never reopens.", code="period_locked")
    if state == "open":
        raise Conflict(f"Two persons open {month:%Y-%m} again: ask for it with a reason.", code="needs_reopening")
    store.set_period(unit, month, state)
    record(unit, "period." + state, "ledger_period", f"{month:%Y-%m}", before=before)


def open_day(unit: UnitOfWork, day: date) -> date:
    """The day, or today when its month takes no more entries: what comes late is booked when it comes."""
    return day if store.period_state(unit, month_of(day)) == "open" else unit.today
