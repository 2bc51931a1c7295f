"""What a value tier buys more, or less, than chance says.

For each tier and item: support (share of all customers who are in the tier and bought it), confidence (share of the
tier that bought it), lift (confidence over the share of all customers who bought it), and the two-sided p-value of
Fisher's exact test. Testing many pairs finds something by chance, so p-values are corrected (Benjamini & Hochberg,
"Controlling the False Discovery Rate", 1995) and only findings under `level` are told. Surprises stand first: small
customers who buy the high end (items in the upper quarter of mean prices).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from broker.insight.order_log import OrderLog
from broker.insight.tiers import TIERS, revenue_by_customer, value_tiers
from broker.kernel.errors import InvalidInput

LEVEL = 0.05
FEWEST_BUYERS = 20


@dataclass(frozen=True)
class Finding:
    """One tier and item. `corrected_p` is after the correction for many tests."""

    tier: str
    item: str
    customers: int  # of the tier who bought it
    support: float
    confidence: float
    lift: float
    p_value: float
    corrected_p: float
    mean_price_cents: int
    surprise: bool


def affinity(log: OrderLog, label: str, *, level: float = LEVEL, fewest: int = FEWEST_BUYERS) -> list[Finding]:
    """Findings over the items of one column (product or category), surprises first, then by strength.

    Items with fewer than `fewest` buyers are left out: a share of a handful of people says nothing.
    """
    if label not in log.labels:
        raise InvalidInput(f"The orders have no column '{label}'.", code="unknown_column", field=label)
    bought = log.cents > 0
    tiers = value_tiers(revenue_by_customer(log))
    items, item_of = np.unique(np.array(log.labels[label])[bought], return_inverse=True)
    price = np.bincount(item_of, weights=log.cents[bought]) / np.bincount(item_of)
    pairs = np.unique(np.stack([log.customer[bought], item_of]), axis=1)
    buyers = np.bincount(pairs[1], minlength=len(items))
    in_tier = np.bincount(tiers, minlength=len(TIERS))
    both = np.zeros((len(TIERS), len(items)), dtype=np.int64)
    np.add.at(both, (tiers[pairs[0]], pairs[1]), 1)
    tested = [
        (tier, item)
        for tier in range(len(TIERS))
        for item in range(len(items))
        if buyers[item] >= fewest and in_tier[tier] and items[item]
    ]
    p_values = np.array([_fisher(both[pair], in_tier[pair[0]], buyers[pair[1]], len(tiers)) for pair in tested])
    high = np.quantile(price, 0.75) if len(items) >= 4 else np.inf
    found = []
    for (tier, item), p_value, corrected in zip(tested, p_values, benjamini_hochberg(p_values), strict=True):
        if corrected >= level:
            continue
        confidence = both[tier, item] / in_tier[tier]
        lift = confidence / (buyers[item] / len(tiers))
        surprise = lift > 1 and TIERS[tier] == "small" and price[item] >= high
        found.append(
            Finding(
                TIERS[tier],
                str(items[item]),
                int(both[tier, item]),
                float(both[tier, item] / len(tiers)),
                float(confidence),
                float(lift),
                float(p_value),
                float(corrected),
                round(float(price[item])),
                bool(surprise),
            )
        )
    return sorted(found, key=lambda one: (not one.surprise, one.corrected_p, one.item, one.tier))


def _fisher(both: int, in_tier: int, buyers: int, everybody: int) -> float:
    table = np.array([[both, in_tier - both], [buyers - both, everybody - in_tier - buyers + both]])
    return float(stats.fisher_exact(table)[1])


def benjamini_hochberg(p_values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Corrected p-values, in the same order: min over larger ranks of p · n / rank, at most 1."""
    count = len(p_values)
    if count == 0:
        return p_values
    order = np.argsort(p_values)
    scaled = p_values[order] * count / np.arange(1, count + 1)
    corrected = np.empty(count)
    corrected[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return corrected
