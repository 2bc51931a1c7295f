"""What a group of customers buys more, or less, than chance says.

For each group and item: support (share of all customers who are in the group and bought it), confidence (share of the
group that bought it), lift (confidence over the share of all customers who bought it), and the two-sided p-value of
Fisher's exact test. Testing many pairs finds something by chance, so p-values are corrected over all pairs of one call
(Benjamini & Hochberg, "Controlling the False Discovery Rate", 1995).

Whoever buys much buys more of everything, so a second question is asked: of what the group buys at all, is this item's
part larger than it is for everybody? `mix_lift` is that part over everybody's (a customer counts once for each item);
its p-value is Fisher's on purchases instead of customers, corrected in the same way. A large customer who buys rings as
often as everything else has a mix lift of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

LEVEL = 0.05
FEWEST_BUYERS = 20
NEARLY = 1e-7  # two logarithms of chances this near are of equal chances

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """A group and an item that differ from chance; indices into what was given."""

    group: int
    item: int
    customers: int  # of the group who bought it
    support: float
    confidence: float
    lift: float
    p_value: float
    corrected_p: float
    mix_lift: float
    mix_corrected_p: float


def unlike_chance(
    groups: Sequence[npt.NDArray[np.bool_]],
    who: Ints,
    item: Ints,
    items: int,
    *,
    level: float = LEVEL,
    fewest: int = FEWEST_BUYERS,
) -> list[Pair]:
    """Pairs of which either corrected p-value is under `level`, the surest first.

    `groups` are masks over all customers; (who, item) the distinct purchases. Items with fewer than `fewest` buyers are
    left out: a share of a handful of people says nothing. A group of nobody or of everybody has nothing to differ from.
    """
    everybody, bought = (len(groups[0]) if groups else 0), len(who)
    buyers = np.bincount(item, minlength=items)
    rows = []
    for place, members in enumerate(groups):
        size = int(members.sum())
        if not 0 < size < everybody:
            continue
        both = np.bincount(item[members[who]], minlength=items)
        whole = int(both.sum())
        rows += [(place, one, int(both[one]), size, whole) for one in np.flatnonzero(buyers >= fewest).tolist()]
    p_values = np.array([_fisher(both, size, int(buyers[one]), everybody) for _, one, both, size, _ in rows])
    mix = np.array([_fisher(both, whole, int(buyers[one]), bought) for _, one, both, _, whole in rows])
    found = [
        Pair(
            place,
            one,
            both,
            both / everybody,
            both / size,
            both / size / (int(buyers[one]) / everybody),
            float(p_value),
            float(corrected),
            both / whole / (int(buyers[one]) / bought) if whole else 0.0,
            float(of_mix),
        )
        for (place, one, both, size, whole), p_value, corrected, of_mix in zip(
            rows, p_values, benjamini_hochberg(p_values), benjamini_hochberg(mix), strict=True
        )
        if min(corrected, of_mix) < level
    ]
    return sorted(
        found, key=lambda pair: (min(pair.corrected_p, pair.mix_corrected_p), -pair.customers, pair.item, pair.group)
    )


def _fisher(both: int, in_group: int, buyers: int, everybody: int) -> float:
    """The two-sided p-value: all numbers of buyers in the group as unlikely as `both`, or more, together.

    Written out over `scipy.special`: `scipy.stats` alone would take a fifth of each process's start.
    """
    least, most = max(0, in_group + buyers - everybody), min(in_group, buyers)
    inside = np.arange(least, most + 1)
    outside = everybody - in_group - buyers + inside
    # Logarithms of the hypergeometric chances, but for what is the same in all.
    cells = np.stack([inside, in_group - inside, buyers - inside, outside])
    chances: Floats = -special.gammaln(cells + 1.0).sum(axis=0)
    chances -= special.logsumexp(chances)
    return float(min(1.0, np.exp(chances[chances <= chances[both - least] + NEARLY]).sum()))


def benjamini_hochberg(p_values: Floats) -> Floats:
    """Corrected p-values, in the same order: min over larger ranks of p · n / rank, at most 1."""
    count = len(p_values)
    if count == 0:
        return p_values
    order = np.argsort(p_values)
    scaled = p_values[order] * count / np.arange(1, count + 1)
    corrected = np.empty(count)
    corrected[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return corrected
