"""Suggested segmentation: which traits go with buying, as readable rules, each tried on contacts it was not found on.

Search. Half of the contacts (by a bit of their secret key, so the same half each time) are looked at: every trait is
cut into conditions (a value, a tag, a run of quantile bins), and the best by information gain grow into rules of up to
three conditions (a beam search over conjunctions). Source of the criterion: Quinlan, *C4.5* (1993).
Proof. The best are counted on the other half only. A one-sided two-proportion z-test against everybody outside, Holm's
correction for all that were tried there (Holm 1979), and the lift with its 95 % interval (Katz et al. 1978).
No leak: whatever purchases themselves say (amounts, recency, tiers, scores, `relation`) never explains purchases.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from broker.audience.coded import TAG_MARK, NotCoded
from broker.audience.columns import ANNIVERSARY, DERIVED, Column
from broker.audience.customer_columns import is_reserved
from broker.audience.fast_count import FastCount
from broker.audience.rule import Rule, join
from broker.audience.write_rule import rule_text
from broker.kernel.errors import Conflict, InvalidInput

TargetKind = Literal["bought", "bought_within", "large"]
# Known only of who bought, or noted down at a purchase: it would explain the target by itself.
PURCHASE_MADE = frozenset({"relation", "has_phone", "has_street"})
NEVER = frozenset({"consent_at", "commune", "postcode"})  # of the proof, or too fine to tell anything
SAMPLE = 400_000  # contacts in each half at most
BINS = 10
MOST_VALUES = 40  # of one category, the most frequent
LONGEST = 3  # conditions in one rule
BEAM = 6
TRAITS_GROWN = 40  # the traits that tell most by themselves take part in rules of several conditions
TRIED = 40  # rules that are counted on the other half
SURE = 0.05
ALIKE = 0.6  # share of people two suggestions may have in common
TELLS_ALL = 0.98

Mask = NDArray[np.bool_]


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
class Suggestion:
    """One rule. `size` people of the whole base; the rest is of the held-out half: `rate` of its members reach the
    target, `lift` times as many as of everybody, between `lift_low` and `lift_high` (95 %); `p_value` after Holm's
    correction. `tells_all`: nearly every member reaches the target, so the trait may have been noted at the purchase.
    """

    rule_text: str
    rule: Rule
    size: int
    rate: float
    lift: float
    lift_low: float
    lift_high: float
    held_out: int
    p_value: float
    tells_all: bool


@dataclass(frozen=True, slots=True)
class Suggestions:
    """The best first. `rate` of everybody in the held-out half; `seen` of `traits` were looked at in time."""

    suggestions: list[Suggestion]
    rate: float
    contacts: int
    traits: int
    seen: int
    tried: int


@dataclass(frozen=True)
class _Condition:
    """One term over one trait; `wanted` one truth value a code."""

    rule: Rule
    trait: int
    wanted: Mask


@dataclass(frozen=True)
class _Trait:
    """Codes of the searched and of the held-out contacts, and the conditions one may put."""

    codes: NDArray[Any]
    held: NDArray[Any]
    conditions: tuple[_Condition, ...]


@dataclass(frozen=True)
class _Found:
    """A rule with what it was worth in the search."""

    conditions: tuple[_Condition, ...]
    gain: float
    people: int
    hits: int

    @property
    def rule(self) -> Rule:
        return join("and", [one.rule for one in self.conditions])


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
    traits, ranked, seen = _screen(fast, offered, today, searched, held, hit, fewest, until, clock)
    found = _grow(traits, ranked, hit, fewest, until, clock)
    tried = sorted(found, key=lambda one: -one.gain)[:TRIED]
    chosen, rate = _prove(tried, traits, held_hit, most)
    return Suggestions(
        [_with_size(one, fast, today) for one in chosen], rate, len(reached), len(offered), seen, len(tried)
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


def _screen(
    fast: FastCount,
    columns: Sequence[Column],
    today: date,
    searched: NDArray[np.intp],
    held: NDArray[np.intp],
    hit: Mask,
    fewest: int,
    until: float,
    clock: Callable[[], float],
) -> tuple[list[_Trait], list[_Found], int]:
    """Every trait by itself: the traits that tell something, and their best conditions."""
    traits: list[_Trait] = []
    singles: list[_Found] = []
    seen = 0
    for column in columns:
        if clock() > until - 1.0:
            break
        seen += 1
        try:
            codes, kind, values, given = fast.field(column.name, today)
        except (NotCoded, KeyError):
            continue
        own = codes[searched]
        people = np.bincount(own, minlength=len(given) + 1)
        conditions = _conditions(column.name, kind, values, given, people, len(traits), fewest)
        if not conditions:
            continue
        hits = np.bincount(own[hit], minlength=len(given) + 1)
        best = _judged((), conditions, people, hits, len(hit), int(hit.sum()), fewest)
        if best:
            traits.append(_Trait(own, codes[held], tuple(conditions)))
            singles.extend(sorted(best, key=lambda one: -one.gain)[:BEAM])
    return traits, sorted(singles, key=lambda one: -one.gain), seen


def _conditions(
    name: str, kind: str, values: Any, given: Mask, people: NDArray[np.int64], trait: int, fewest: int
) -> list[_Condition]:
    """What one may ask about a trait: values, tags or runs of bins that hold enough people."""
    size = len(given) + 1

    def condition(rule: Rule, wanted: Mask) -> _Condition:
        table = np.zeros(size, dtype=np.bool_)
        table[1:] = wanted & given
        return _Condition(rule, trait, table)

    if kind == "bool":
        return [
            condition({"op": "=", "field": name, "value": value}, np.array([not value, value]))
            for value in (True, False)
        ]
    if kind in ("category", "tags"):
        texts = values.to_pylist()
        by_text: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            if text is not None and given[place]:
                for part in text.split(TAG_MARK) if kind == "tags" else (text,):
                    by_text.setdefault(part, []).append(place)
        sizes = {text: int(people[1:][places].sum()) for text, places in by_text.items() if text}
        frequent = sorted((text for text in sizes if sizes[text] >= fewest), key=lambda text: (-sizes[text], text))
        op = "has" if kind == "tags" else "="
        found = []
        for text in frequent[:MOST_VALUES]:
            wanted = np.zeros(len(texts), dtype=np.bool_)
            wanted[by_text[text]] = True
            found.append(condition({"op": op, "field": name, "value": text}, wanted))
        return found if len(by_text) > 1 else []
    if kind != "number":
        return []
    return [
        condition(_range(name, low, high, edge), wanted) for low, high, edge, wanted in _runs(values, given, people)
    ]


def _runs(values: Any, given: Mask, people: NDArray[np.int64]) -> list[tuple[Any, Any, str, Mask]]:
    """Runs of up to BINS quantile bins: (lowest, highest value, which end is open, values inside)."""
    numbers = np.asarray(values)
    weights = people[1:] * given
    order = np.argsort(numbers, kind="stable")
    total = int(weights.sum())
    if total == 0:
        return []
    bins = np.zeros(len(numbers), dtype=np.int64)
    bins[order] = np.minimum((np.cumsum(weights[order]) - weights[order]) * BINS // total, BINS - 1)
    filled = np.unique(bins[given & (weights > 0)])
    if len(filled) < 2:
        return []
    runs = []
    for start in range(len(filled)):
        for end in range(start, len(filled)):
            if (start, end) == (0, len(filled) - 1):
                continue
            inside = given & (bins >= filled[start]) & (bins <= filled[end])
            low, high = numbers[inside].min(), numbers[inside].max()
            edge = "low" if start == 0 else "high" if end == len(filled) - 1 else ""
            within = given & (numbers <= high if edge == "low" else numbers >= low)
            runs.append((low, high, edge, within if edge else given & (numbers >= low) & (numbers <= high)))
    return runs


def _range(name: str, low: Any, high: Any, edge: str) -> Rule:
    if edge == "low":
        return {"op": "<=", "field": name, "value": _plain(high)}
    if edge == "high":
        return {"op": ">=", "field": name, "value": _plain(low)}
    if low == high:
        return {"op": "=", "field": name, "value": _plain(low)}
    return {"op": "between", "field": name, "low": _plain(low), "high": _plain(high)}


def _plain(value: Any) -> int | float:
    found: int | float = value.item()
    return int(found) if isinstance(found, float) and found.is_integer() and abs(found) < 2**53 else found


def _judged(
    before: tuple[_Condition, ...],
    conditions: Iterable[_Condition],
    people: NDArray[np.int64],
    hits: NDArray[np.int64],
    everybody: int,
    all_hits: int,
    fewest: int,
) -> list[_Found]:
    """The rules that these conditions make of a rule whose members have so many people and hits a code."""
    found = []
    for one in conditions:
        inside, reached = int(people[one.wanted].sum()), int(hits[one.wanted].sum())
        if fewest <= inside <= everybody - fewest and reached * everybody > all_hits * inside:
            found.append(_Found((*before, one), _gain(inside, reached, everybody, all_hits), inside, reached))
    return found


def _grow(
    traits: list[_Trait], singles: list[_Found], hit: Mask, fewest: int, until: float, clock: Callable[[], float]
) -> list[_Found]:
    """Rules of up to LONGEST conditions, each longer one clearly better than what it grew from."""
    everybody, all_hits = len(hit), int(hit.sum())
    told = list(dict.fromkeys(one.conditions[0].trait for one in singles))[:TRAITS_GROWN]
    found, beam = singles[:TRIED], singles[: BEAM * 2]
    for _ in range(1, LONGEST):
        longer: dict[frozenset[str], _Found] = {}
        for parent in beam:
            if clock() > until - 0.5:
                return found
            members = _members(parent.conditions, [trait.codes for trait in traits], everybody)
            inside = hit[members]
            used = {one.trait for one in parent.conditions}
            for number in told:
                if number in used:
                    continue
                trait = traits[number]
                own = trait.codes[members]
                size = len(trait.conditions[0].wanted)
                people = np.bincount(own, minlength=size)
                hits = np.bincount(own[inside], minlength=size)
                for child in _judged(parent.conditions, trait.conditions, people, hits, everybody, all_hits, fewest):
                    if _clearly_more(child.hits, child.people, parent.hits, parent.people):
                        longer[frozenset(rule_text(one.rule) for one in child.conditions)] = child
        beam = sorted(longer.values(), key=lambda one: -one.gain)[: BEAM * 2]
        found = [*found, *beam]
    return found


def _members(conditions: Iterable[_Condition], codes: Sequence[NDArray[Any]], size: int) -> Mask:
    inside = np.ones(size, dtype=np.bool_)
    for one in conditions:
        inside &= one.wanted[codes[one.trait]]
    return inside


def _prove(tried: list[_Found], traits: list[_Trait], hit: Mask, most: int) -> tuple[list[Suggestion], float]:
    """What holds on the other half, unlike each other; and the rate of everybody there."""
    everybody, all_hits = len(hit), int(hit.sum())
    held = [trait.held for trait in traits]
    judged = []
    for one in tried:
        members = _members(one.conditions, held, everybody)
        people, hits = int(members.sum()), int(hit[members].sum())
        judged.append((_chance(hits, people, all_hits - hits, everybody - people), one, members, people, hits))
    rate = all_hits / everybody
    sure: list[tuple[float, float, _Found, Mask, int, int]] = []
    for place, (chance, one, members, people, hits) in enumerate(sorted(judged, key=lambda row: row[0])):
        corrected = min(1.0, chance * (len(judged) - place))
        if corrected > SURE:
            break  # Holm: nothing less sure than the first that fails is believed
        sure.append((_gain(people, hits, everybody, all_hits), corrected, one, members, people, hits))
    chosen: list[Suggestion] = []
    kept: list[Mask] = []
    for _, corrected, one, members, people, hits in sorted(sure, key=lambda row: -row[0]):
        if len(chosen) == most:
            break
        if any((members & other).sum() > ALIKE * (members | other).sum() for other in kept):
            continue
        own = hits / people
        spread = 1.96 * math.sqrt((1 - own) / hits + (1 - rate) / all_hits)
        lift = own / rate
        kept.append(members)
        chosen.append(
            Suggestion(
                rule_text(one.rule),
                one.rule,
                0,
                own,
                lift,
                lift * math.exp(-spread),
                lift * math.exp(spread),
                people,
                corrected,
                own >= TELLS_ALL > rate,
            )
        )
    return chosen, rate


def _with_size(one: Suggestion, fast: FastCount, today: date) -> Suggestion:
    return Suggestion(
        one.rule_text,
        one.rule,
        fast.count(one.rule, today),
        one.rate,
        one.lift,
        one.lift_low,
        one.lift_high,
        one.held_out,
        one.p_value,
        one.tells_all,
    )


def _gain(people: int, hits: int, everybody: int, all_hits: int) -> float:
    """Bits that knowing whether one is a member tells about the target."""
    rest, rest_hits = everybody - people, all_hits - hits
    told = people * _entropy(hits, people) + rest * _entropy(rest_hits, rest)
    return _entropy(all_hits, everybody) - told / everybody


def _entropy(hits: int, people: int) -> float:
    if hits in (0, people):
        return 0.0
    share = hits / people
    return -share * math.log2(share) - (1 - share) * math.log2(1 - share)


def _chance(hits: int, people: int, other_hits: int, others: int) -> float:
    """One-sided p-value of "no more of the members than of the others"."""
    if not people or not others or not hits:
        return 1.0
    share = (hits + other_hits) / (people + others)
    spread = math.sqrt(share * (1 - share) * (1 / people + 1 / others))
    return 0.5 * math.erfc((hits / people - other_hits / others) / spread / math.sqrt(2)) if spread else 1.0


def _clearly_more(hits: int, people: int, parent_hits: int, parent_people: int) -> bool:
    return _chance(hits, people, parent_hits - hits, parent_people - people) < 0.001


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
