"""The disclosure guard: every figure shown outside the owner passes here (docs/disclosure.md).

Pure functions over fingerprints of sets (fingerprint.py); guarded.py keeps the memory that they need. Its parts:
selects only, kinship, repetition, cell-key noise, rounding, floor, budget, suppression in tables (suppress_cells.py),
volumes that tell no size. tests/unit/test_guard_mutations.py takes each one out and sees an attack succeed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.audience.fingerprint import Fingerprint, Sketch, difference, fingerprint
from broker.audience.model import Mask, QuestionBudgetSpent
from broker.audience.rule import Rule, fields_of, terms
from broker.audience.scan import key_sum
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import DisclosureSettings

NOISE_ROUNDINGS = 2  # the noise reaches at least this many rounding steps each way …
NOISE_SHARE = 200  # … and at least 1/200 = 0.5 % of large figures
EDGE_MARGIN = 20  # the sketch is off by 1.2 %: the edge lies 1/20 beyond the threshold at least
FEW_MATCHES = 50  # a suppression file with fewer matches is always told so …
FEW_SPREAD = 100  # … and one with up to so many more by the luck of its hash
PLAIN_TERMS = ("all", "within")  # terms without a field of their own


@dataclass(frozen=True, slots=True)
class Figure:
    """What is shown: 0 with `below_floor` reads "fewer than" the smallest count."""

    shown: int
    below_floor: bool


@dataclass(frozen=True, slots=True)
class Anchor:
    """A set in the guard's memory whose figure was worked out for itself."""

    true_count: int
    cell_key: int
    sketch: Sketch
    shown: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The figure to show. `anchor`: worked out for this very set; `kin`: repeated because of its kinship."""

    figure: Figure
    anchor: bool
    kin: bool


def marking_rate(rules: DisclosureSettings) -> int:
    """One in how many people is marked: half the threshold."""
    return max(1, rules.difference_threshold // 2)


def cell_key(noise: NDArray[np.int64], members: Mask) -> int:
    """The sum of the members' secret keys modulo 2⁶⁴."""
    return key_sum(noise, members, 1)


def amplitude(count: int, rules: DisclosureSettings) -> int:
    """The largest noise, each way, on a count."""
    return max(NOISE_ROUNDINGS * rules.rounding, count // NOISE_SHARE)


def largest_error(count: int, rules: DisclosureSettings) -> int:
    """By how much a figure of its own may differ from the count: noise and rounding together."""
    return amplitude(count, rules) + rules.rounding // 2


def perturbed(count: int, key: int, rules: DisclosureSettings) -> int:
    """The count with its set's noise, evenly spread over ±amplitude, rounded; never below 0."""
    reach = amplitude(count, rules)
    return max(0, rounded(count + _hash(b"noise", key) % (2 * reach + 1) - reach, rules))


def rounded(number: int, rules: DisclosureSettings) -> int:
    """To the nearest multiple of the rounding."""
    return (number + rules.rounding // 2) // rules.rounding * rules.rounding


def floored(figure: int, rules: DisclosureSettings) -> Figure:
    """The figure, or 0 if it is under the smallest that is shown. The noisy figure decides, not the count."""
    return Figure(0, True) if figure < rules.smallest_count else Figure(figure, False)


def figure_from(count: int, key: int, rules: DisclosureSettings) -> Figure:
    """The figure of one set by itself, from its size and cell key, without a memory."""
    return floored(perturbed(count, key, rules), rules)


def figure_of(members: Mask, noise: NDArray[np.int64], rules: DisclosureSettings) -> Figure:
    """The figure of one set by itself, without a memory."""
    found = fingerprint(noise, members, 1)
    return figure_from(found.count, found.key, rules)


def decide(asked: Fingerprint, of_kin: int | None, anchors: Iterable[Anchor], rules: DisclosureSettings) -> Decision:
    """What to show of a set, given all that was ever shown of its bases, to whomever and on whichever snapshot.

    A set of the same kin as one shown before has that one's figure (`of_kin`): two sets that differ by one person are
    of the same kin unless that person is marked, so no border can be walked up to with other people and then crossed
    with the target alone. A set without marked members is small: fewer than can be shown. A set closer than the
    threshold to an anchor repeats the nearest one's figure, for certain; beyond it, up to half as much again, by the
    luck of the two sets' keys. Only anchors are compared with, or figures would drift along a chain of near sets.
    Nothing is ever refused because it is near: a refusal would answer.
    """
    if of_kin is not None:
        return Decision(floored(of_kin, rules), anchor=False, kin=True)
    if asked.kin == 0:
        return Decision(Figure(0, True), anchor=False, kin=False)
    nearest: tuple[float, Anchor] | None = None
    for anchor in anchors:
        away = max(difference(asked.sketch, anchor.sketch), abs(anchor.true_count - asked.count))
        if away < _edge(asked.key, anchor.cell_key, rules) and (nearest is None or away < nearest[0]):
            nearest = (away, anchor)
    if nearest is not None:
        return Decision(floored(nearest[1].shown, rules), anchor=False, kin=False)
    return Decision(figure_from(asked.count, asked.key, rules), anchor=True, kin=False)


def furthest(rules: DisclosureSettings) -> int:
    """No anchor whose count differs by more than this can be near."""
    return _nearest_edge(rules) + rules.difference_threshold // 2


def closer_than_threshold(one: Mask, other: Mask, rules: DisclosureSettings) -> bool:
    """Whether two sets of one snapshot differ, exactly counted, by fewer people than the threshold."""
    return int(np.count_nonzero(one ^ other)) < rules.difference_threshold


def check_selects(rule: Rule, offered: Iterable[str]) -> None:
    """Refuse a rule that asks about fields the card does not offer: free rules would single people out.

    It is asked before anything else looks at the rule, so that no sentence tells what other fields a base has.
    """
    allowed = {name.casefold() for name in offered}
    extra = sorted(name for name in fields_of(rule) if name.casefold() not in allowed)
    extra += [term["op"] for term in terms(rule) if "field" not in term and term["op"] not in PLAIN_TERMS]
    if extra:
        names = ", ".join(offered) or "none"
        raise InvalidInput(
            f'The card offers no select on "{extra[0][:60]}"; it offers: {names}.',
            code="select_not_offered",
            field="select_rule",
            details={"offered": names},
        )


def check_budget(today: int, year: int, rules: DisclosureSettings) -> None:
    """Refuse a question beyond the day's or the year's budget of one viewer about one base; the numbers include it."""
    if today > rules.questions_per_day or year > rules.questions_per_year:
        allowed, when = (
            (rules.questions_per_day, "today. New ones are possible tomorrow")
            if today > rules.questions_per_day
            else (rules.questions_per_year, "in twelve months. New ones are possible as the oldest grow old")
        )
        raise QuestionBudgetSpent(
            f"Your organisation has asked {allowed} new questions about this base {when}. Questions asked before"
            " are still answered."
        )


def sendable(left: int, key: int, volume: int, rules: DisclosureSettings) -> int:
    """How many names an order gets of `left`: its volume, or, where that is more, a round number that tells no size."""
    return volume if left >= volume else told_nothing(left, key, rules)


def told_nothing(left: int, key: int, rules: DisclosureSettings) -> int:
    """A round number of at most `left` names whose exact number it does not tell, be it all of a known volume: how many
    of a run are no duplicates would else say whether the one person of a suppression file is among them."""
    short = _hash(b"order", key) % (2 * amplitude(left, rules) + 1)
    return max(0, (left - short) // rules.rounding * rules.rounding)


def few_match(matches: int, file_key: int) -> bool:
    """Whether an advertiser is told that hardly anybody matches its suppression file.

    The border is drawn for each file by its content, and well above a handful: whether one given person is a contact
    decides it for one file in a hundred at most, and only for who knows dozens of contacts already.
    """
    return matches < FEW_MATCHES + _hash(b"few", file_key % 2**64) % FEW_SPREAD


def _nearest_edge(rules: DisclosureSettings) -> int:
    return rules.difference_threshold + max(1, rules.difference_threshold // EDGE_MARGIN)


def _edge(one: int, other: int, rules: DisclosureSettings) -> int:
    """From how many different people on two sets count as different."""
    spread = rules.difference_threshold // 2 + 1
    return _nearest_edge(rules) + _hash(b"edge", min(one, other), max(one, other)) % spread


def _hash(purpose: bytes, *keys: int) -> int:
    raw = b"".join(key.to_bytes(8, "little") for key in keys)
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8, person=purpose).digest(), "little")
