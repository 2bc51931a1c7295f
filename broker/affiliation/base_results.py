"""Which bases bring a programme most, from what their sends did; small samples lean on the programme's mean.

The rate of a base is learned from its own mails and conversions, with the programme's own rate as the starting belief,
worth `BELIEF_MAILS` mails (a Beta distribution); the interval holds four times in five. A base with few mails so stays
near the mean, with a wide interval, and does not lead the list by one lucky sale.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy import special

from broker.affiliation import result_store
from broker.kernel.database import UnitOfWork

BELIEF_MAILS = 2_000.0
LOW, HIGH = 0.1, 0.9


@dataclass(frozen=True, slots=True)
class BaseResult:
    """What one participation brought. `mails` are accepted ones, `conversions` those not refused or declined; rates are
    per thousand mails."""

    participation: str
    owner_name: str
    mails: int
    clicks: int
    conversions: int
    cost_micros: int
    rate: float
    low: float
    high: float


def base_results(unit: UnitOfWork, programme_code: str) -> list[BaseResult]:
    """The participations of a programme that the actor sees, the best first."""
    rows = result_store.results_of(unit, programme_code)
    mails, done = sum(row.mails for row in rows), sum(row.conversions for row in rows)
    mean = done / mails if mails else 0.0
    found = []
    for row in rows:
        rate, low, high = learned_rate(row.mails, row.conversions, mean)
        found.append(
            BaseResult(
                row.participation, row.owner_name, row.mails, row.clicks, row.conversions, row.cost_micros,
                1_000 * rate, 1_000 * low, 1_000 * high,
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (-one.rate, one.participation))


def learned_rate(mails: int, conversions: int, mean: float) -> tuple[float, float, float]:
    """(rate, low, high) of conversions a mail: `mean` with no mail of its own, its own rate with very many."""
    if not 0 < mean < 1:
        return (mean, mean, mean)
    done = min(conversions, mails)
    had, lacked = BELIEF_MAILS * mean + done, BELIEF_MAILS * (1 - mean) + mails - done
    low, high = special.betaincinv(had, lacked, (LOW, HIGH))
    return (had / (had + lacked), float(low), float(high))
