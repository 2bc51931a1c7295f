"""Changes of habit: who has stayed away for longer than its own cycle says.

Rule. A customer's cycle is the mean number of days between its visits (days with a purchase). Its limit is that mean
plus two standard deviations of its own intervals; a standard deviation from few intervals is drawn towards the base's
(the pooled coefficient of variation of all customers, weighing as much as two intervals), and a limit is a week at
least. Who has not come for longer than the limit is **off cycle**. It takes three visits to know a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST_VISITS = 3
SHORTEST_LIMIT = 7.0
PRIOR_INTERVALS = 2.0
DEVIATIONS = 2.0


@dataclass(frozen=True)
class Cycles:
    """One entry a customer: mean and limit in days (NaN where too few visits), and whether it is off cycle."""

    mean: Floats
    limit: Floats
    off: npt.NDArray[np.bool_]

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Whose cycle is known."""
        return ~np.isnan(self.limit)


def cycles(visits: Ints, first: Ints, last: Ints, gap_squares: Floats, until: int) -> Cycles:
    """From the number of visits, the first and last day, the sum of squared intervals, and the day of looking."""
    known = visits >= FEWEST_VISITS
    intervals = np.maximum(visits - 1, 1).astype(np.float64)
    mean = (last - first) / intervals
    spread = np.maximum(gap_squares - intervals * mean**2, 0.0)  # the sum of squared deviations
    freedom = np.maximum(intervals - 1, 0.0)
    measured = known & (mean > 0)
    pooled = float((spread[measured] / mean[measured] ** 2).sum() / freedom[measured].sum()) if measured.any() else 1.0
    variance = (spread + PRIOR_INTERVALS * pooled * mean**2) / (freedom + PRIOR_INTERVALS)
    limit = np.maximum(mean + DEVIATIONS * np.sqrt(variance), SHORTEST_LIMIT)
    nothing = np.nan
    return Cycles(
        np.where(known, mean, nothing), np.where(known, limit, nothing), known & (np.maximum(until - last, 0) > limit)
    )
