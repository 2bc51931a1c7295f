"""Suggested segmentation: which traits go with buying, as readable rules, each tried on contacts it was not found on.

Search. Half of the contacts (by a bit of their secret key, so the same half each time) are looked at: every trait is
cut into conditions (a value, a tag, a run of quantile bins), and the best by information gain grow into rules of up to
three conditions (a beam search over conjunctions). Source of the criterion: Quinlan, *C4.5* (1993).
Proof. The best are counted on the other half only. A one-sided two-proportion z-test against everybody outside, Holm's
correction for all that were tried there (Holm 1979), and the lift with its 95 % interval (Katz et al. 1978).
No leak: whatever purchases themselves say (amounts, recency, tiers, scores, `relation`) never explains purchases.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from broker.audience.columns import ANNIVERSARY, DERIVED, Column
from broker.audience.customer_columns import is_reserved
from broker.audience.fast_count import FastCount
from broker.audience.rule import Rule
from broker.insight.suggest_conditions import Mask
from broker.insight.suggest_proof import Suggestion, prove
from broker.insight.suggest_search import TRIED, grow, screen
from broker.kernel.errors import Conflict, InvalidInput

TargetKind = Literal["bought", "bought_within", "large"]
# Known only of who bought, or noted down at a purchase: it would explain the target by itself.
PURCHASE_MADE = frozenset({"relation", "has_phone", "has_street"})
NEVER = frozenset({"consent_at", "commune", "postcode"})  # of the proof, or too fine to tell anything
SAMPLE = 400_000  # contacts in each half at most


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be explained: ever bought, bought within `months`, or being a large customer."""

    kind: TargetKind = "bought"
    months: int = 12

    def rule(self) -> Rule:
        """Whom it means."""
        if self.kind == "large":
            return {"op": "=", "field": "value_tier", "value": "large"}
        if self.kind == "bought_within":
            return {"op": ">=", "field": "last_purchase", "value": {"today": -self.months, "unit": "months"}}
        return {"op": "not", "rule": {"op": "missing", "field": "last_purchase"}}


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The best first. `rate` of everybody in the held-out half; `seen` of `traits` were looked at in time."""

    suggestions: list[Suggestion]
    rate: float
    contacts: int
    traits: int
    seen: int
    tried: int


def target_of(kind: object, months: object = 12) -> Target:
    """A target as it was asked for; raises `bad_target`."""
    if kind not in ("bought", "bought_within", "large"):
        raise InvalidInput(
            'The target is "bought", "bought_within" (with months) or "large".', code="bad_target", field="target"
        )
    if not isinstance(months, int) or isinstance(months, bool) or not 1 <= months <= 120:
        raise InvalidInput("Months are a whole number from 1 to 120.", code="bad_target", field="months")
    return Target(kind, months)


def suggest_segments(
    fast: FastCount,
    columns: Iterable[Column],
    noise: NDArray[np.integer[Any]],
    target: Target,
    today: date,
    *,
    most: int = 10,
    seconds: float = 20.0,
    clock: Callable[[], float] = time.monotonic,
) -> Suggestions:
    """At most `most` rules for a base, in `seconds` at the longest (then on the traits seen until then).

    `columns` with the derived ones; `noise` is the contacts' secret key (which half one stands in follows from it).
    Raises `no_purchases` where nobody or everybody reaches the target.
    """
    until = clock() + seconds
    known = list(columns)
    names = {column.name for column in known}
    if not {"value_tier" if target.kind == "large" else "last_purchase"} <= names:
        raise _nothing_to_learn()
    reached = fast.mask(target.rule(), today)
    searched, held = _halves(noise)
    hit, held_hit = reached[searched], reached[held]
    if min(_both(hit), _both(held_hit)) < 10:
        raise _nothing_to_learn()
    fewest = max(30, len(searched) // 100)
    offered = [column for column in known if not _leaks(column.name)]
    traits, ranked, seen = screen(fast, offered, today, searched, held, hit, fewest, until, clock)
    found = grow(traits, ranked, hit, fewest, until, clock)
    tried = sorted(found, key=lambda one: -one.gain)[:TRIED]
    chosen, rate = prove(tried, traits, held_hit, most)
    return Suggestions(
        [replace(one, size=fast.count(one.rule, today)) for one in chosen],
        rate,
        len(reached),
        len(offered),
        seen,
        len(tried),
    )


def _leaks(name: str) -> bool:
    """Whether purchases say it themselves, directly or through a field worked out from theirs."""
    sources = DERIVED[name][2] if name in DERIVED else (name.removesuffix(ANNIVERSARY),)
    return (
        name in NEVER
        or name.endswith(ANNIVERSARY)
        or any(one in PURCHASE_MADE or is_reserved(one) for one in (name, *sources))
    )


def _halves(noise: NDArray[np.integer[Any]]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of the searched and of the held-out contacts: by the lowest bit of their keys, thinned by the next."""
    first, second = np.flatnonzero(noise & 1), np.flatnonzero((noise & 1) == 0)
    step = max(1, -(-max(len(first), len(second)) // SAMPLE))
    return first[::step], second[::step]


def _both(hit: Mask) -> int:
    """The smaller of those who reached the target and those who did not."""
    reached = int(hit.sum())
    return min(reached, len(hit) - reached)


def _nothing_to_learn() -> Conflict:
    return Conflict(
        "Nothing can be learnt yet: too few of this base's contacts bought, or all of them did. Import purchases, or"
        " choose another target.",
        code="no_purchases",
    )
