"""The proof of rules on contacts that they were not found on."""

from __future__ import annotations

import math
from dataclasses import dataclass

from broker.audience.rule import Rule
from broker.audience.write_rule import rule_text
from broker.insight.suggest_conditions import Mask
from broker.insight.suggest_search import Found, Trait, members_of
from broker.insight.suggest_statistics import chance_of, gain

SURE = 0.05
ALIKE = 0.6  # share of people two suggestions may have in common
TELLS_ALL = 0.98


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


def prove(tried: list[Found], traits: list[Trait], hit: Mask, most: int) -> tuple[list[Suggestion], float]:
    """What holds on the other half, unlike each other; and the rate of everybody there."""
    everybody, all_hits = len(hit), int(hit.sum())
    held = [trait.held for trait in traits]
    judged = []
    for one in tried:
        members = members_of(one.conditions, held, everybody)
        people, hits = int(members.sum()), int(hit[members].sum())
        judged.append((chance_of(hits, people, all_hits - hits, everybody - people), one, members, people, hits))
    rate = all_hits / everybody
    sure: list[tuple[float, float, Found, Mask, int, int]] = []
    for place, (chance, one, members, people, hits) in enumerate(sorted(judged, key=lambda row: row[0])):
        corrected = min(1.0, chance * (len(judged) - place))
        if corrected > SURE:
            break  # Holm: nothing less sure than the first that fails is believed
        sure.append((gain(people, hits, everybody, all_hits), corrected, one, members, people, hits))
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
