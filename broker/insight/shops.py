"""Shops whose sales fall against their own trend.

Test. Purchases (lines that bring money) are counted in periods of four weeks, back from the last day of the log. A
shop's trend is a log-linear line through the periods before the latest (Poisson regression by iteratively reweighted
least squares, dispersion from Pearson's residuals, at least 1). What it says of the latest period has the variance of
a new count plus that of the line itself; the one-sided p-value of the latest count (normal) is corrected over the shops
(Benjamini-Hochberg). An alert needs a corrected p under LEVEL, a fall of at least FALL, and six periods of history with
at least FEWEST purchases expected: below, nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from broker.insight.groups import benjamini_hochberg

PERIOD_DAYS = 28
PERIODS = 14  # the latest, and thirteen (a year) before it
FEWEST_PERIODS = 6
FEWEST = 10.0
LEVEL = 0.05
FALL = 0.15

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ShopTrend:
    """One shop: purchases by period (oldest first), what its trend said of the latest, and whether it is an alert.

    `reason` says why nothing can be told (`short`, `few`), else None. `others` is the change of all other shops from
    the mean of the periods before: a fall that all share is the season's.
    """

    shop: str
    counts: list[int]
    expected: float | None
    change: float | None
    corrected_p: float | None
    alert: bool
    reason: str | None
    others: float | None


def shop_trends(by_shop: Mapping[str, list[int]]) -> list[ShopTrend]:
    """The trends, alerts first, then by fall. All lists have one entry a period, oldest first, the latest last."""
    found: dict[str, tuple[float, float]] = {}
    reasons: dict[str, str | None] = {}
    for shop, counts in by_shop.items():
        series = np.array(counts[_first(counts) :], dtype=np.float64)
        reasons[shop] = "short" if len(series) - 1 < FEWEST_PERIODS else None
        if reasons[shop] is None:
            tested = trend_test(series[:-1], series[-1])
            reasons[shop] = "few" if tested[0] < FEWEST else None
            if reasons[shop] is None:
                found[shop] = tested
    corrected = dict(zip(found, benjamini_hochberg(np.array([p for _, p in found.values()])), strict=True))
    everything = np.sum(list(by_shop.values()), axis=0) if by_shop else np.zeros(0)
    told = []
    for shop, counts in by_shop.items():
        expected, p_value, change = None, None, None
        if shop in found:
            forecast = found[shop][0]
            change, p_value, expected = counts[-1] / forecast - 1, float(corrected[shop]), round(forecast, 1)
        told.append(
            ShopTrend(
                shop,
                list(counts),
                expected,
                None if change is None else round(change, 4),
                p_value,
                change is not None and p_value is not None and change <= -FALL and p_value < LEVEL,
                reasons[shop],
                _change(everything - np.array(counts)),
            )
        )
    return sorted(told, key=lambda one: (not one.alert, one.change is None, one.change or 0.0, one.shop))


def trend_test(before: Floats, latest: float) -> tuple[float, float]:
    """What the trend of `before` says of the next period, and the one-sided p-value of `latest` lying so far under."""
    steps = np.arange(len(before), dtype=np.float64)
    design = np.stack([np.ones_like(steps), steps - steps.mean()], axis=1)
    line = np.array([np.log(max(before.mean(), 0.5)), 0.0])
    for _ in range(50):
        mean = np.exp(np.clip(design @ line, -20, 20))
        inner = design.T @ (design * mean[:, None])
        step = np.linalg.solve(inner + 1e-9 * np.eye(2), design.T @ (before - mean))
        line = line + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    mean = np.exp(np.clip(design @ line, -20, 20))
    inner = design.T @ (design * mean[:, None])
    dispersion = max(1.0, float(((before - mean) ** 2 / mean).sum() / (len(before) - 2)))
    ahead = np.array([1.0, len(before) - steps.mean()])
    expected = float(np.exp(np.clip(ahead @ line, -20, 20)))
    of_line = float(ahead @ np.linalg.solve(inner + 1e-9 * np.eye(2), ahead))
    deviation = np.sqrt(dispersion * (expected + expected**2 * of_line))
    return expected, float(special.ndtr((latest + 0.5 - expected) / deviation))


def _first(counts: list[int]) -> int:
    """Where a shop's history begins: a shop that opened lately has no year of empty periods before."""
    return next((place for place, count in enumerate(counts) if count), len(counts))


def _change(counts: npt.NDArray[np.int64]) -> float | None:
    before = float(counts[:-1].mean()) if len(counts) > 1 else 0.0
    return round(float(counts[-1]) / before - 1, 4) if before > 0 else None
