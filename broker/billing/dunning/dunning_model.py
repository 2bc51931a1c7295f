"""Rows of what is overdue, and which step comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from broker.billing.dunning.late_interest import Part, Stretch, Terms, parts_cents
from broker.kernel.settings import DunningSettings

LEVELS = {1: "friendly", 2: "reminder", 3: "formal_notice"}


@dataclass(frozen=True, slots=True)
class Debt:
    """An invoice with what was due and what was paid of it, in cents; `letters` are (due day, level, written on).

    `claimed_until` is the last day whose interest was claimed; `recovered`: the compensation was. `returned_on`: the
    day on which the debit that had paid it came back: what it left is due since; `under_way`: it is being paid anew.
    """

    id: int
    number: str
    kind: str
    role: str
    issued_on: date
    buyer_id: int
    buyer: str
    buyer_code: str
    language: str
    total_cents: int
    dues: tuple[Part, ...]
    paid: tuple[Part, ...]
    letters: tuple[tuple[date, int, date], ...]
    terms: Terms
    held: str | None
    held_until: date | None
    claimed_until: date | None
    recovered: bool
    returned_on: date | None = None
    under_way: bool = False

    @property
    def open_cents(self) -> int:
        """What is not paid, due or not."""
        return sum(cents for _, cents in self.dues) - sum(cents for _, cents in self.paid)


@dataclass(frozen=True, slots=True)
class Overdue:
    """A late invoice as people see it. `level` is the last step taken (0: none), `next_level` the one to come.

    `interest_cents` is what has grown up to today and was not claimed; `recovery_cents` the fixed compensation.
    """

    number: str
    kind: str
    buyer: str
    buyer_code: str
    buyer_id: int
    total_cents: int
    open_cents: int
    late_cents: int
    due_on: date
    days_late: int
    level: int
    written_on: date | None
    next_level: int | None
    next_on: date | None
    held: str | None
    held_until: date | None
    interest_cents: int
    recovery_cents: int
    stretches: tuple[Stretch, ...] = ()
    returned_on: date | None = None
    under_way: bool = False

    @property
    def parts(self) -> list[tuple[Stretch, int]]:
        """Each stretch with its cents, which sum to the interest."""
        return list(zip(self.stretches, parts_cents(self.stretches), strict=True))

    @property
    def bucket(self) -> str:
        """Its age: to_30, to_60, to_90 or older."""
        for days in (30, 60, 90):
            if self.days_late <= days:
                return f"to_{days}"
        return "older"


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that was written. `mails` says what became of its mails: state → how many."""

    id: int
    code: str
    buyer: str
    buyer_code: str
    level: int
    made_on: date
    open_cents: int
    interest_cents: int
    recovery_cents: int
    invoices: tuple[str, ...]
    mails: tuple[str, ...]
    made_at: datetime


def next_step(
    steps: DunningSettings, due_on: date, letters: tuple[tuple[date, int, date], ...]
) -> tuple[int, date | None, int | None, date | None]:
    """(last level, its day, next level, its day) of what fell due on a day. No step is left out, and between two of
    them lie the settings' days at least."""
    taken = [(level, at) for due, level, at in letters if due == due_on]
    level, written = max(taken, default=(0, None))
    if level >= max(LEVELS):
        return level, written, None, None
    days = (steps.reminder_days, steps.second_days, steps.notice_days)[level]
    day = due_on + timedelta(days=days)
    if written is not None:
        day = max(day, written + timedelta(days=steps.gap_days))
    return level, written, level + 1, day
