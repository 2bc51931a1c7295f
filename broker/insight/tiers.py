"""Value tiers: small, medium and large customers by their share of the revenue.

Rule (Pareto): customers in falling order of revenue; those who make the first `large_share` of it are large, those who
bring it to `medium_share` medium, the rest small. Whoever crosses a border stands above it. Equal revenues stand
together in the higher tier, so the order of the file never decides. The same by margin. An owner may set other shares,
or amounts instead: who brings at least so much is medium or large.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from broker.insight.order_log import OrderLog
from broker.insight.settings_model import TierSettings

TIERS = ("small", "medium", "large")
LARGE_SHARE_BP, MEDIUM_SHARE_BP = 5_000, 8_000


def revenue_by_customer(log: OrderLog) -> npt.NDArray[np.int64]:
    """Cents of each customer, returns deducted, in the order of `log.customers`."""
    cents = np.zeros(len(log.customers), dtype=np.int64)
    np.add.at(cents, log.customer, log.cents)
    return cents


def value_tiers(
    cents: npt.NDArray[np.int64], large_share_bp: int = LARGE_SHARE_BP, medium_share_bp: int = MEDIUM_SHARE_BP
) -> npt.NDArray[np.int64]:
    """Index into TIERS for each customer. Shares are in basis points of the positive revenue."""
    earned = np.maximum(cents, 0)
    order = np.argsort(-earned, kind="stable")
    # What stood before each customer: who starts below the border is above it afterwards, and belongs up.
    before = np.cumsum(earned[order]) - earned[order]
    total = int(earned.sum())
    tiers = np.zeros(len(cents), dtype=np.int64)
    ranked = np.where(
        before * 10_000 < total * large_share_bp, 2, np.where(before * 10_000 < total * medium_share_bp, 1, 0)
    )
    # Equal revenues take the tier of the first of them.
    values, first = np.unique(-earned[order], return_index=True)
    tiers[order] = ranked[first][np.searchsorted(values, -earned[order])]
    tiers[earned == 0] = 0
    return tiers


def tiers_by(cents: npt.NDArray[np.int64], settings: TierSettings, measure: str) -> npt.NDArray[np.int64]:
    """Index into TIERS as an owner set it; `measure` is `revenue` or `margin`."""
    if settings.method == "share":
        return value_tiers(cents, settings.large_bp, settings.medium_bp)
    borders = [getattr(settings, f"{measure}_{tier}_cents") for tier in ("medium", "large")]
    return np.searchsorted(np.array(borders), cents, side="right").astype(np.int64)
