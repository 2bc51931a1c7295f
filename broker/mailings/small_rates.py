"""Whether few mails say that a rate is above its limit: the exact binomial tail. Pure.

Of forty mails one complaint is 2.5 %, and says next to nothing. So many events are too many where a mailing whose true
rate is the limit itself would show as many in one case of a hundred at most: the one-sided bound of Clopper and
Pearson ("The use of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26, 1934)
then lies above the limit.
"""

from __future__ import annotations

from functools import lru_cache

from scipy import special

RARE = 0.01  # as often, at most, chance alone shows so many events at the limit


def tail(events: int, size: int, share: float) -> float:
    """The chance of `events` or more among `size`, each with the chance `share` (0 < share < 1).

    A regularised incomplete beta function (DLMF 8.17.5).
    """
    if events <= 0:
        return 1.0
    if events > size:
        return 0.0
    return float(special.betainc(events, size - events + 1, share))


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
