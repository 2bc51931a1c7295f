"""The disclosure guard: every figure shown outside the owner passes here (docs/disclosure.md).

Pure functions over sets of contacts, each set a mask over the rows of one snapshot. A contact has a secret 64-bit
noise key; the *cell key* of a set is the sum of its members' keys modulo 2⁶⁴, so the same set always has the same
noise and any other set an unrelated one (cell-key perturbation, as the Australian Bureau of Statistics' TableBuilder).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broker.audience.model import Mask
from broker.audience.rule import Rule, fields_of
from broker.audience.scan import key_sum
from broker.kernel.errors import InvalidInput
from broker.kernel.settings import DisclosureSettings

NOISE_ROUNDINGS = 2  # the noise reaches at least this many rounding steps each way …
NOISE_SHARE = 200  # … and at least 1/200 = 0.5 % of large figures


@dataclass(frozen=True, slots=True)
class Figure:
    """What is shown: 0 with `below_floor` reads "fewer than" the smallest count."""

    shown: int
    below_floor: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer of the guard's memory. Only an `anchor`'s figure was worked out for its own set."""

    rule: Rule
    viewer_org_id: int
    true_count: int
    shown: int
    anchor: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """The figure to show; `anchor` says that it was worked out for this very set, `known` that nothing is new."""

    figure: Figure
    true_count: int
    anchor: bool
    known: bool


def cell_key(noise: NDArray[np.int64], members: Mask) -> int:
    """The sum of the members' secret keys modulo 2⁶⁴."""
    return key_sum(noise, members, 1)


def amplitude(count: int, rules: DisclosureSettings) -> int:
    """The largest noise, each way, on a count."""
    return max(NOISE_ROUNDINGS * rules.rounding, count // NOISE_SHARE)


def largest_error(count: int, rules: DisclosureSettings) -> int:
    """By how much a figure shown may differ from the count: noise and rounding together."""
    return amplitude(count, rules) + rules.rounding // 2


def perturbed(count: int, key: int, rules: DisclosureSettings) -> int:
    """The count with its set's noise, evenly spread over ±amplitude, rounded; never below 0."""
    reach = amplitude(count, rules)
    noisy = count + _hash(b"noise", key) % (2 * reach + 1) - reach
    return max(0, (noisy + rules.rounding // 2) // rules.rounding * rules.rounding)


def floored(figure: int, rules: DisclosureSettings) -> Figure:
    """The figure, or 0 if it is under the smallest that is shown. The noisy figure decides, not the count."""
    return Figure(0, True) if figure < rules.smallest_count else Figure(figure, False)


def figure_from(count: int, key: int, rules: DisclosureSettings) -> Figure:
    """The figure of one set by itself, from its size and cell key, without a memory: for the cells of a profile."""
    return floored(perturbed(count, key, rules), rules)


def figure_of(members: Mask, noise: NDArray[np.int64], rules: DisclosureSettings) -> Figure:
    """The figure of one set by itself, without a memory."""
    return figure_from(int(np.count_nonzero(members)), cell_key(noise, members), rules)


def decide(
    members: Mask,
    noise: NDArray[np.int64],
    asked_before: Shown | None,
    anchors: Iterable[Shown],
    mask_of: Callable[[Shown], Mask | None],
    rules: DisclosureSettings,
) -> Decision:
    """What to show of a set, given all that was ever shown of its base, to whomever and on whichever snapshot.

    `asked_before` is the last answer to this very question on this snapshot: it is given again, unless so many people
    came or went since that the set is another one. A set closer than the threshold to an anchor's set repeats the
    nearest one's figure. The edge of the threshold is blurred upwards by up to a half, by the two sets' keys: a sharp
    edge would itself answer whether one person is in a set of exactly known size. Only anchors are compared with, or
    figures could drift along a chain of near sets. `mask_of` gives an anchor's set as its rule stands today, None if
    its fields are gone; its count when shown must be near, too, so that a repeated figure is never further from the
    truth than threshold and noise together.
    """
    count, key = int(np.count_nonzero(members)), cell_key(noise, members)
    if asked_before is not None and abs(asked_before.true_count - count) < rules.difference_threshold:
        return Decision(floored(asked_before.shown, rules), count, asked_before.anchor, known=True)
    nearest: tuple[int, Shown] | None = None
    for shown in anchors:
        if abs(shown.true_count - count) > furthest(rules):
            continue
        other = mask_of(shown)
        if other is None:
            continue
        away = max(int(np.count_nonzero(other ^ members)), abs(shown.true_count - count))
        if away < _edge(key, cell_key(noise, other), rules) and (nearest is None or away < nearest[0]):
            nearest = (away, shown)
    if nearest is not None:
        return Decision(floored(nearest[1].shown, rules), count, anchor=False, known=False)
    return Decision(floored(perturbed(count, key, rules), rules), count, anchor=True, known=False)


def furthest(rules: DisclosureSettings) -> int:
    """No anchor whose count differs by more than this can be near."""
    return rules.difference_threshold * 3 // 2


def check_selects(rule: Rule, offered: Iterable[str]) -> None:
    """Refuse a rule that asks about fields the card does not offer: free rules would single people out."""
    extra = sorted(fields_of(rule) - set(offered))
    if extra:
        names = ", ".join(offered) or "none"
        raise InvalidInput(
            f'The card offers no select on "{extra[0]}"; it offers: {names}.',
            code="select_not_offered",
            field="select_rule",
        )


def _edge(one: int, other: int, rules: DisclosureSettings) -> int:
    """From how many different people on two sets count as different: between the threshold and half as much again."""
    spread = rules.difference_threshold // 2 + 1
    return rules.difference_threshold + _hash(b"edge", min(one, other), max(one, other)) % spread


def _hash(purpose: bytes, *keys: int) -> int:
    raw = b"".join(key.to_bytes(8, "little") for key in keys)
    return int.from_bytes(hashlib.blake2b(raw, digest_size=8, person=purpose).digest(), "little")
