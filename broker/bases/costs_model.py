"""What an owner spends on a base, and how a cost falls on months."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Rhythm = Literal["monthly", "once"]
RHYTHMS: tuple[Rhythm, ...] = ("monthly", "once")


@dataclass(frozen=True, slots=True)
class Cost:
    """An upkeep cost: `monthly` from its first month to its last (or on), or `once` in the month of its day."""

    code: str
    label: str
    rhythm: Rhythm
    amount_cents: int
    starts_on: date
    ends_on: date | None

    def cents_in(self, month: date) -> int:
        """What falls on the month that begins on this day. A month that is touched counts whole."""
        first = self.starts_on.replace(day=1)
        if self.rhythm == "once":
            return self.amount_cents if month == first else 0
        ended = self.ends_on is not None and month > self.ends_on.replace(day=1)
        return self.amount_cents if month >= first and not ended else 0


def months_between(first: date, last: date) -> list[date]:
    """The first days of all months from one day's to another's."""
    start, end = first.year * 12 + first.month - 1, last.year * 12 + last.month - 1
    return [date(month // 12, month % 12 + 1, 1) for month in range(start, end + 1)]
