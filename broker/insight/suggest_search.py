"""The search for rules that go with a target: traits by themselves, then conjunctions, by information gain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broker.audience.coded import NotCoded
from broker.audience.columns import Column
from broker.audience.fast_count import FastCount
from broker.audience.rule import Rule, join
from broker.audience.write_rule import rule_text
from broker.insight.suggest_conditions import Condition, Mask, conditions_of
from broker.insight.suggest_statistics import clearly_more, gain

LONGEST = 3  # conditions in one rule
BEAM = 6
TRAITS_GROWN = 40  # the traits that tell most by themselves take part in rules of several conditions
TRIED = 40  # rules that are counted on the other half


@dataclass(frozen=True)
class Trait:
    """Codes of the searched and of the held-out contacts, and the conditions one may put."""

    codes: NDArray[Any]
    held: NDArray[Any]
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Found:
    """A rule with what it was worth in the search."""

    conditions: tuple[Condition, ...]
    gain: float
    people: int
    hits: int

    @property
    def rule(self) -> Rule:
        return join("and", [one.rule for one in self.conditions])


def screen(
    fast: FastCount,
    columns: Sequence[Column],
    today: date,
    searched: NDArray[np.intp],
    held: NDArray[np.intp],
    hit: Mask,
    fewest: int,
    until: float,
    clock: Callable[[], float],
) -> tuple[list[Trait], list[Found], int]:
    """Every trait by itself: the traits that tell something, and their best conditions."""
    traits: list[Trait] = []
    singles: list[Found] = []
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
        conditions = conditions_of(column.name, kind, values, given, people, len(traits), fewest)
        if not conditions:
            continue
        hits = np.bincount(own[hit], minlength=len(given) + 1)
        best = _judged((), conditions, people, hits, len(hit), int(hit.sum()), fewest)
        if best:
            traits.append(Trait(own, codes[held], tuple(conditions)))
            singles.extend(sorted(best, key=lambda one: -one.gain)[:BEAM])
    return traits, sorted(singles, key=lambda one: -one.gain), seen


def _judged(
    before: tuple[Condition, ...],
    conditions: Iterable[Condition],
    people: NDArray[np.int64],
    hits: NDArray[np.int64],
    everybody: int,
    all_hits: int,
    fewest: int,
) -> list[Found]:
    """The rules that these conditions make of a rule whose members have so many people and hits a code."""
    found = []
    for one in conditions:
        inside, reached = int(people[one.wanted].sum()), int(hits[one.wanted].sum())
        if fewest <= inside <= everybody - fewest and reached * everybody > all_hits * inside:
            found.append(Found((*before, one), gain(inside, reached, everybody, all_hits), inside, reached))
    return found


def grow(
    traits: list[Trait], singles: list[Found], hit: Mask, fewest: int, until: float, clock: Callable[[], float]
) -> list[Found]:
    """Rules of up to LONGEST conditions, each longer one clearly better than what it grew from."""
    everybody, all_hits = len(hit), int(hit.sum())
    told = list(dict.fromkeys(one.conditions[0].trait for one in singles))[:TRAITS_GROWN]
    found, beam = singles[:TRIED], singles[: BEAM * 2]
    for _ in range(1, LONGEST):
        longer: dict[frozenset[str], Found] = {}
        for parent in beam:
            if clock() > until - 0.5:
                return found
            members = members_of(parent.conditions, [trait.codes for trait in traits], everybody)
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
                    if clearly_more(child.hits, child.people, parent.hits, parent.people):
                        longer[frozenset(rule_text(one.rule) for one in child.conditions)] = child
        beam = sorted(longer.values(), key=lambda one: -one.gain)[: BEAM * 2]
        found = [*found, *beam]
    return found


def members_of(conditions: Iterable[Condition], codes: Sequence[NDArray[Any]], size: int) -> Mask:
    inside = np.ones(size, dtype=np.bool_)
    for one in conditions:
        inside &= one.wanted[codes[one.trait]]
    return inside
