"""What a value tier buys more, or less, than chance says (groups.py), from an order log.

Surprises stand first: small customers who buy the high end (items in the upper quarter of mean prices), more often than
others do, or more of it among what they buy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from broker.insight.groups import FEWEST_BUYERS, LEVEL, Floats, Pair, benjamini_hochberg, unlike_chance
from broker.insight.order_log import OrderLog
from broker.insight.tiers import TIERS, revenue_by_customer, value_tiers
from broker.kernel.errors import InvalidInput

__all__ = ["Finding", "affinity", "benjamini_hochberg", "high_end", "is_surprise"]


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
    mix_lift: float  # of what the tier buys at all, this item's part over everybody's


def affinity(log: OrderLog, label: str, *, level: float = LEVEL, fewest: int = FEWEST_BUYERS) -> list[Finding]:
    """Findings over the items of one column (product or category), surprises first, then by strength."""
    if label not in log.labels:
        raise InvalidInput(f"The orders have no column '{label}'.", code="unknown_column", field=label)
    names = np.array(log.labels[label], dtype=object)
    bought = (log.cents > 0) & (names != "")
    tiers = value_tiers(revenue_by_customer(log))
    items, item_of = np.unique(names[bought].astype(str), return_inverse=True)
    price = np.bincount(item_of, weights=log.cents[bought], minlength=len(items)) / np.bincount(item_of)
    who, item = np.unique(np.stack([log.customer[bought], item_of]), axis=1)
    masks = [tiers == place for place in range(len(TIERS))]
    pairs = unlike_chance(masks, who, item, len(items), level=level, fewest=fewest)
    high = high_end(price)
    found = [
        Finding(
            TIERS[pair.group],
            str(items[pair.item]),
            pair.customers,
            pair.support,
            pair.confidence,
            pair.lift,
            pair.p_value,
            pair.corrected_p,
            round(float(price[pair.item])),
            TIERS[pair.group] == "small" and is_surprise(pair, float(price[pair.item]), high, level),
            pair.mix_lift,
        )
        for pair in pairs
        if pair.corrected_p < level
    ]
    return sorted(found, key=lambda one: (not one.surprise, one.corrected_p, one.item, one.tier))


def is_surprise(pair: Pair, price: float, high: float, level: float = LEVEL) -> bool:
    """Whether a small group buys an item of the high end more than others do, or more of it among what it buys."""
    more = pair.lift > 1 and pair.corrected_p < level
    return price >= high and (more or (pair.mix_lift > 1 and pair.mix_corrected_p < level))


def high_end(price: Floats) -> float:
    """The mean price from which an item is of the high end; none is where there are fewer than four items."""
    return float(np.quantile(price, 0.75)) if len(price) >= 4 else float("inf")
