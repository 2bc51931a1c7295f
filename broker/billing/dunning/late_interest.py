"""Late interest between companies, to the day (C. com. L441-10, II). Pure functions; rates in basis points a year.

Simple interest on what is late, VAT included, for the days after the due day up to the day of payment, over 365 days.
The ECB's rate and the legal one are those in force on 1 January for the first half of a year, on 1 July for the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from broker.kernel.errors import IntegrityFault
from broker.kernel.money import BASIS_POINTS, round_div, split_by_largest_remainder

RECOVERY_CENTS = 4_000  # C. com. D441-5: for each invoice
_POINTS = 1_000
_YEAR = 365
_DAY = timedelta(days=1)
Basis = Literal["ecb", "legal", "contract"]
Part = tuple[date, int]  # a day, and cents that are due or paid on it


@dataclass(frozen=True, slots=True)
class Rates:
    """The published rates: (first day, basis points) in any order."""

    ecb: tuple[tuple[date, int], ...]
    legal: tuple[tuple[date, int], ...]

    def on(self, kind: Literal["ecb", "legal"], day: date) -> int:
        """The rate of the half-year of a day; the newest known one where a later one is not known yet."""
        known = [item for item in self._of(kind) if item[0] <= half_year(day)]
        if not known:
            raise IntegrityFault(f"No {kind} rate is known for {day}.", code="rate_missing")
        return max(known)[1]

    def known_for(self, kind: Literal["ecb", "legal"], day: date) -> bool:
        """Whether the rate of the half-year of a day was entered itself."""
        return any(since == half_year(day) for since, _ in self._of(kind))

    def _of(self, kind: Literal["ecb", "legal"]) -> tuple[tuple[date, int], ...]:
        return self.ecb if kind == "ecb" else self.legal


@dataclass(frozen=True, slots=True)
class Terms:
    """What an invoice says of late payment; `bp` is the contract's rate."""

    basis: Basis
    bp: int | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days, both counted, on which the same sum was late at the same rate."""

    first: date
    last: date
    late_cents: int
    bp: int

    @property
    def days(self) -> int:
        """How many they are."""
        return (self.last - self.first).days + 1


def half_year(day: date) -> date:
    """1 January or 1 July."""
    return day.replace(month=1 if day.month < 7 else 7, day=1)


def yearly_bp(terms: Terms, day: date, rates: Rates) -> int:
    """The rate on a day, never below three times the legal one."""
    least = 3 * rates.on("legal", day)
    if terms.basis == "ecb":
        return max(rates.on("ecb", day) + _POINTS, least)
    if terms.basis == "contract":
        return max(terms.bp or 0, least)
    return least


def stretches(
    dues: Sequence[Part], paid: Sequence[Part], terms: Terms, rates: Rates, first: date, last: date
) -> list[Stretch]:
    """The stretches of late days from `first` to `last`. Money pays what fell due first; its day still counts."""
    if first > last:
        return []
    cuts = {day + _DAY for day, _ in (*dues, *paid)} | set(_half_years(first, last)) | {first}
    edges = sorted(day for day in cuts if first <= day <= last)
    found = []
    for place, start in enumerate(edges):
        end = edges[place + 1] - _DAY if place + 1 < len(edges) else last
        late = late_on(dues, paid, start)
        if late:
            found.append(Stretch(start, end, late, yearly_bp(terms, start, rates)))
    return found


def late_on(dues: Iterable[Part], paid: Iterable[Part], day: date) -> int:
    """What had to be paid before a day, and was not."""
    due = sum(cents for at, cents in dues if at < day)
    return max(0, due - sum(cents for at, cents in paid if at < day))


def interest_cents(found: Iterable[Stretch]) -> int:
    """The interest of all stretches, rounded once."""
    return round_div(sum(one.late_cents * one.bp * one.days for one in found), BASIS_POINTS * _YEAR)


def parts_cents(found: Sequence[Stretch]) -> list[int]:
    """What each stretch has of the interest: they sum to it exactly, the cents left go to the largest remainders."""
    if not found:
        return []
    return split_by_largest_remainder(interest_cents(found), [one.late_cents * one.bp * one.days for one in found])


def oldest_unpaid(dues: Sequence[Part], paid: Iterable[Part], day: date) -> date | None:
    """The due day of the oldest part that is late on a day."""
    left = sum(cents for _, cents in paid)
    for at, cents in sorted(dues):
        if at >= day:
            return None
        if left < cents:
            return at
        left -= cents
    return None


def _half_years(first: date, last: date) -> list[date]:
    return [
        day
        for year in range(first.year, last.year + 1)
        for day in (date(year, 1, 1), date(year, 7, 1))
        if first <= day <= last
    ]
