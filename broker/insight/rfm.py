"""RFM: recency, frequency, monetary value, and the class that the three scores name.

Rule. A customer's recency is the days between its last purchase and the as-of date, its frequency the number of its
purchases (lines that are no return: an amount of zero or more), its monetary value the sum of its amounts, returns
deducted. Each measure is cut at its quantiles (linear interpolation, Hyndman & Fan type 7) into `bins` scores; a value
that equals a threshold belongs to the bin above it, so equal values always get equal scores. Recency counts backwards:
the most recent customers score high.
Source of the classes: Hughes, *Strategic Database Marketing* (1994), with the segment names now usual in the trade.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from broker.insight.order_log import OrderLog
from broker.kernel.errors import InvalidInput

Ints = npt.NDArray[np.int64]

# (name, lowest r, highest r, lowest f-m, highest f-m) on a scale of 1 to 5, read from the top: the first that fits
# names the customer. f-m is the mean of frequency and monetary scores, rounded half up.
CLASSES: tuple[tuple[str, int, int, int, int], ...] = (
    ("champions", 4, 5, 4, 5),
    ("loyal", 3, 5, 3, 5),
    ("potential_loyal", 4, 5, 2, 2),
    ("new", 4, 5, 1, 1),
    ("promising", 3, 3, 1, 2),
    ("cannot_lose", 1, 1, 5, 5),
    ("at_risk", 1, 2, 3, 5),
    ("about_to_sleep", 2, 2, 1, 2),
    ("lost", 1, 1, 1, 2),
)


@dataclass(frozen=True)
class Scores:
    """Scores 1 … bins and classes (indices into CLASSES), one entry a customer; `cuts` by measure."""

    r: Ints
    f: Ints
    m: Ints
    classes: Ints
    cuts: dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class RfmTable:
    """One entry a customer, in the order of `customers`; `classes` indexes CLASSES. Thresholds by measure."""

    customers: list[str]
    recency_days: Ints
    frequency: Ints
    monetary_cents: Ints
    r: Ints
    f: Ints
    m: Ints
    classes: Ints
    thresholds: dict[str, list[float]]

    def class_sizes(self) -> dict[str, int]:
        """Customers in each class, all classes named."""
        counts = np.bincount(self.classes, minlength=len(CLASSES))
        return {row[0]: int(count) for row, count in zip(CLASSES, counts, strict=True)}


def rfm(log: OrderLog, as_of: int, bins: int = 5) -> RfmTable:
    """Score every customer who bought up to day `as_of` (days since 1970-01-01); later lines are left out."""
    if not 2 <= bins <= 10:
        raise InvalidInput("RFM needs 2 to 10 bins.", code="bad_bins", field="bins")
    bought = (log.cents >= 0) & (log.day <= as_of)
    if not bought.any():
        raise InvalidInput("There is no purchase up to that date.", code="no_purchase", field="as_of")
    size = len(log.customers)
    last = np.full(size, -1, dtype=np.int64)
    np.maximum.at(last, log.customer[bought], log.day[bought])
    frequency = np.bincount(log.customer[bought], minlength=size).astype(np.int64)
    monetary = np.zeros(size, dtype=np.int64)
    known = log.day <= as_of
    np.add.at(monetary, log.customer[known], log.cents[known])
    kept = np.flatnonzero(frequency)
    recency = as_of - last[kept]
    frequency, monetary = frequency[kept], monetary[kept]
    scores = score(recency, frequency, monetary, bins)
    return RfmTable(
        [log.customers[index] for index in kept],
        recency,
        frequency,
        monetary,
        scores.r,
        scores.f,
        scores.m,
        scores.classes,
        {name: [float(cut) for cut in values] for name, values in scores.cuts.items()},
    )


def score(recency: Ints, frequency: Ints, monetary: Ints, bins: int = 5) -> Scores:
    """Scores and classes of customers (at least one) by their three measures."""
    cuts = {
        "recency_days": quantiles(recency, bins),
        "frequency": quantiles(frequency, bins),
        "monetary_cents": quantiles(monetary, bins),
    }
    r = bins - np.searchsorted(cuts["recency_days"], recency, side="right")
    f = 1 + np.searchsorted(cuts["frequency"], frequency, side="right")
    m = 1 + np.searchsorted(cuts["monetary_cents"], monetary, side="right")
    return Scores(r, f, m, classify(r, f, m, bins), cuts)


def quantiles(values: Ints, bins: int) -> npt.NDArray[np.float64]:
    """The `bins - 1` inner cut points, type 7."""
    return np.quantile(values, np.arange(1, bins) / bins)


def classify(r: Ints, f: Ints, m: Ints, bins: int) -> Ints:
    """Index into CLASSES for each customer; scores of other scales are brought to 1 … 5 first."""
    recency = scale_to_five(r, bins)
    value = (scale_to_five(f, bins) + scale_to_five(m, bins) + 1) // 2
    found = np.full(len(r), -1, dtype=np.int64)
    for index, (_, low_r, high_r, low_v, high_v) in enumerate(CLASSES):
        fits = (recency >= low_r) & (recency <= high_r) & (value >= low_v) & (value <= high_v)
        found[(found < 0) & fits] = index
    return found


def scale_to_five(score: Ints, bins: int) -> Ints:
    """A score of 1 … bins on the scale of 1 … 5, ends kept."""
    return 1 + ((score - 1) * 4 + (bins - 1) // 2) // (bins - 1)
