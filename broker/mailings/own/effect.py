"""What purchases an own mailing caused: those written to against the held-out group, drawn at random before it left.

Everybody who was drawn to be written to counts, arrived or not (intention to treat), so that both sides are alike but
for the mailing. Rates: difference of two proportions with Newcombe's hybrid score interval (R. G. Newcombe, Statistics
in Medicine 17, 1998, method 10). Money: difference of the means a person spent, with Welch's interval on the normal
quantile. Both at 95 %. Net: what the mailed spent more, less the costs. Segments are compared each by itself and summed
with the number of their mailed people as weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt

from broker.bases.confidence import Z_95, wilson
from broker.kernel.database import UnitOfWork
from broker.mailings.own import store
from broker.mailings.own.find import find_own_mailing

FEWEST = 30  # people on a side, below which nothing is said


@dataclass(frozen=True, slots=True)
class Side:
    """One side: people, how many of them bought, the cents they spent and the sum of their squares."""

    people: int
    buyers: int
    spend_cents: int
    squares: int

    @property
    def rate(self) -> float:
        """The share that bought."""
        return self.buyers / self.people if self.people else 0.0

    @property
    def mean(self) -> float:
        """Cents a person."""
        return self.spend_cents / self.people if self.people else 0.0

    @property
    def variance(self) -> float:
        """Of what a person spent (divided by n − 1)."""
        if self.people < 2:
            return 0.0
        return max(0.0, (self.squares - self.spend_cents**2 / self.people) / (self.people - 1))


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    def scaled(self, factor: float, less: float = 0.0) -> Interval:
        """Times a factor, less something that is known."""
        return Interval(self.value * factor - less, self.low * factor - less, self.high * factor - less)


@dataclass(frozen=True, slots=True)
class Effect:
    """What the mailing caused, as far as purchases are known (`until`).

    `purchases` (people who bought more), `revenue_cents` and `net_cents` are those of all mailed. `proven`: the
    interval of the rate does not hold zero. `complete`: the window is over and its purchases are known. `reason`: why
    nothing is said (`no_group`, `not_sent`, `too_few`; `no_purchases`: the log ends before the mailing left).
    """

    mailed: Side
    held_out: Side
    rate: Interval | None
    mean_cents: Interval | None
    purchases: Interval | None
    revenue_cents: Interval | None
    cost_cents: int
    net_cents: Interval | None
    first_day: date | None
    last_day: date | None
    until: date | None
    reason: str | None

    @property
    def complete(self) -> bool:
        """Whether the window is over and the log of purchases reaches its end."""
        return self.last_day is not None and self.until is not None and self.until >= self.last_day

    @property
    def proven(self) -> bool:
        """Whether chance alone would hardly bring such a difference of rates."""
        return self.rate is not None and (self.rate.low > 0 or self.rate.high < 0)


def difference_of_rates(one: Side, other: Side) -> Interval:
    """Newcombe's hybrid score interval for the first rate minus the second."""
    low_1, high_1 = wilson(one.buyers, one.people)
    low_2, high_2 = wilson(other.buyers, other.people)
    gap = one.rate - other.rate
    below = sqrt((one.rate - low_1) ** 2 + (high_2 - other.rate) ** 2)
    above = sqrt((high_1 - one.rate) ** 2 + (other.rate - low_2) ** 2)
    return Interval(gap, gap - below, gap + above)


def difference_of_means(one: Side, other: Side) -> Interval:
    """Welch's interval for the first mean minus the second, cents a person."""
    gap = one.mean - other.mean
    error = Z_95 * sqrt(one.variance / one.people + other.variance / other.people)
    return Interval(gap, gap - error, gap + error)


def summed(parts: Sequence[tuple[Interval, int]]) -> Interval:
    """Independent differences, each times its number of people: their total and its interval (errors in squares)."""
    value = sum(one.value * people for one, people in parts)
    below = sqrt(sum(((one.value - one.low) * people) ** 2 for one, people in parts))
    above = sqrt(sum(((one.high - one.value) * people) ** 2 for one, people in parts))
    return Interval(value, value - below, value + above)


def effect_of(unit: UnitOfWork, code: str) -> Effect:
    """The effect of one's own mailing so far; for its owner alone, since purchases are its own."""
    own = find_own_mailing(unit, code)
    rows = store.effect(unit, own.id)
    groups: dict[int, dict[bool, Side]] = {}
    for row in rows:
        side = Side(row.people, row.buyers, int(row.spend_cents), int(row.squares))
        groups.setdefault(row.variant_id, {})[row.held] = side
    pairs = [(sides[False], sides[True]) for sides in groups.values() if len(sides) == 2]
    mailed, held = _total([one for one, _ in pairs]), _total([other for _, other in pairs])
    sent = store.sums(unit, own.id)
    cost = own.cost_cents + round(sent["frozen"] * own.cost_micros / 10_000)
    first, last = (min((r.first_day for r in rows), default=None), max((r.last_day for r in rows), default=None))
    until = store.purchases_until(unit, own.base_id)
    reason = None
    if not pairs:
        reason = "no_group" if own.held_out_bp == 0 else "not_sent"
    elif min(mailed.people, held.people) < FEWEST:
        reason = "too_few"
    elif until is None or (first is not None and until < first):
        reason = "no_purchases"  # nobody can have bought in a log that ends before: no difference of 0 is said
    if reason is not None:
        return Effect(mailed, held, None, None, None, None, cost, None, first, last, until, reason)
    purchases = summed([(difference_of_rates(one, other), one.people) for one, other in pairs])
    revenue = summed([(difference_of_means(one, other), one.people) for one, other in pairs])
    return Effect(
        mailed,
        held,
        purchases.scaled(1 / mailed.people),
        revenue.scaled(1 / mailed.people),
        purchases,
        revenue,
        cost,
        revenue.scaled(1, cost),
        first,
        last,
        until,
        None,
    )


def days_left(effect: Effect, today: date) -> int:
    """How many days of the window are still to come."""
    return 0 if effect.last_day is None else max(0, (effect.last_day - today + timedelta(days=1)).days)


def _total(sides: Sequence[Side]) -> Side:
    return Side(
        sum(one.people for one in sides),
        sum(one.buyers for one in sides),
        sum(one.spend_cents for one in sides),
        sum(one.squares for one in sides),
    )
