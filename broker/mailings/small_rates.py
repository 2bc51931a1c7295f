"""Whether few mails say that a rate is above its limit: the exact binomial tail. Pure.

Of forty mails one complaint is 2.5 %, and says next to nothing. So many events are too many where a mailing whose true
rate is the limit itself would show as many in one case of a hundred at most: the one-sided bound of Clopper and
Pearson ("The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26, 1934)
then lies above the limit.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log, log1p

RARE = 0.01  # as often, at most, chance alone shows so many events at the limit


def tail(events: int, size: int, share: float) -> float:
    """The chance of `events` or more among `size`, each with the chance `share` (0 < share < 1)."""
    if events <= 0:
        return 1.0
    if events > size:
        return 0.0
    ways = lgamma(size + 1) - lgamma(events + 1) - lgamma(size - events + 1)
    term = exp(ways + events * log(share) + (size - events) * log1p(-share))
    total = 0.0
    for count in range(events, size + 1):
        total += term
        term *= (size - count) / (count + 1) * share / (1 - share)
        if term <= total * 1e-17:
            break
    return min(1.0, total)


@lru_cache(maxsize=4_096)
def fewest_too_many(size: int, limit_bp: int) -> int | None:
    """The fewest events among `size` that chance does not explain at `limit_bp`; None where no number does."""
    share = limit_bp / 10_000
    if not 0 < share < 1:
        return None
    low, high = 1, size + 1  # the tail falls as events grow
    while low < high:
        middle = (low + high) // 2
        if tail(middle, size, share) <= RARE:
            high = middle
        else:
            low = middle + 1
    return low if low <= size else None
