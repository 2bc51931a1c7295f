"""RFM: recency, frequency, monetary value, and the class that the three scores name.

Rule. A customer's recency is the days between its last purchase and the as-of date, its frequency the number of its
purchases (lines that are no return: an amount of zero or more), its monetary value the sum of its amounts, returns
deducted. Each measure is cut at its quantiles (linear interpolation, Hyndman & Fan type 7) into `bins` scores; a value
that equals a threshold belongs to the bin above it, so equal values always get equal scores. A measure that is the same
for everybody tells nobody apart: its score is the middle one. Recency counts backwards: the most recent customers score
high. An owner may set thresholds of its own instead of quantiles, the number of bins, and the classes' names and limits
(settings_model.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from broker.insight.order_log import OrderLog
from broker.insight.settings_model import DEFAULT_CLASSES, MEASURES, SCALE, RfmClass, RfmSettings
from broker.kernel.errors import InvalidInput

Ints = npt.NDArray[np.int64]

CLASSES = tuple((row.name, row.low_r, row.high_r, row.low_v, row.high_v) for row in DEFAULT_CLASSES)


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


def score(recency: Ints, frequency: Ints, monetary: Ints, settings: RfmSettings | int = 5) -> Scores:
    """Scores and classes of customers (at least one) by their three measures; a number of bins, or an owner's own."""
    chosen = RfmSettings(settings) if isinstance(settings, int) else settings
    bins = chosen.bins
    values = dict(zip(MEASURES, (recency, frequency, monetary), strict=True))
    cuts = {
        name: np.array(chosen.thresholds[name]) if chosen.thresholds.get(name) else quantiles(measured, bins)
        for name, measured in values.items()
    }
    places = {
        name: np.searchsorted(cuts[name], measured, side="right")
        if chosen.thresholds.get(name) or measured.min() < measured.max()
        else np.full(len(measured), (bins - 1) // 2)
        for name, measured in values.items()
    }
    r, f, m = bins - places["recency_days"], 1 + places["frequency"], 1 + places["monetary_cents"]
    return Scores(r, f, m, classify(r, f, m, bins, chosen.classes), cuts)


def quantiles(values: Ints, bins: int) -> npt.NDArray[np.float64]:
    """The `bins - 1` inner cut points, type 7."""
    return np.quantile(values, np.arange(1, bins) / bins)


def classify(r: Ints, f: Ints, m: Ints, bins: int, classes: tuple[RfmClass, ...] = DEFAULT_CLASSES) -> Ints:
    """Index into the classes for each customer; scores of other scales are brought to 1 … 5 first."""
    recency = scale_to_five(r, bins)
    value = (scale_to_five(f, bins) + scale_to_five(m, bins) + 1) // 2
    found = np.full(len(r), -1, dtype=np.int64)
    for index, row in enumerate(classes):
        fits = (recency >= row.low_r) & (recency <= row.high_r) & (value >= row.low_v) & (value <= row.high_v)
        found[(found < 0) & fits] = index
    return found


def scale_to_five(score: Ints, bins: int) -> Ints:
    """A score of 1 … bins on the scale of 1 … 5, ends kept."""
    return 1 + ((score - 1) * (SCALE - 1) + (bins - 1) // 2) // (bins - 1)
