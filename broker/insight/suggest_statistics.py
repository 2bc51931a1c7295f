"""What a rule tells about a target, and how sure that is."""

from __future__ import annotations

import math


def gain(people: int, hits: int, everybody: int, all_hits: int) -> float:
    """Bits that knowing whether one is a member tells about the target."""
    rest, rest_hits = everybody - people, all_hits - hits
    told = people * _entropy(hits, people) + rest * _entropy(rest_hits, rest)
    return _entropy(all_hits, everybody) - told / everybody


def _entropy(hits: int, people: int) -> float:
    if hits in (0, people):
        return 0.0
    share = hits / people
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def chance_of(hits: int, people: int, other_hits: int, others: int) -> float:
    """One-sided p-value of "no more of the members than of the others"."""
    if not people or not others or not hits:
        return 1.0
    share = (hits + other_hits) / (people + others)
    spread = math.sqrt(share * (1 - share) * (1 / people + 1 / others))
    return 0.5 * math.erfc((hits / people - other_hits / others) / spread / math.sqrt(2)) if spread else 1.0


def clearly_more(hits: int, people: int, parent_hits: int, parent_people: int) -> bool:
    return chance_of(hits, people, parent_hits - hits, parent_people - people) < 0.001
