"""How far segments overlap: within a base and across bases, everybody counted once by contact key."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from broker.audience import answers_store
from broker.audience.desk_means import DeskMeans, day_or_none, number, number_or_none
from broker.audience.distinct import KeySet, count_distinct, key_set
from broker.audience.fingerprint import Fingerprint, fingerprint_of_many
from broker.audience.guard import marking_rate
from broker.audience.guarded import guarded_figure
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.rule import Rule, clean_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput

MOST_SETS = 8


class _Set:
    """Who is left of one segment."""

    def __init__(self, snapshot: LoadedSnapshot, rule: Rule, left: Mask) -> None:
        self.snapshot, self.rule, self.left = snapshot, rule, left
        self._keys: KeySet | None = None

    @property
    def keys(self) -> KeySet:
        if self._keys is None:
            self._keys = key_set(np.compress(self.left, self.snapshot.contact_keys))
        return self._keys


def compare_segments(desk: DeskMeans, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`{parts: [{base_id, rule}], viewer_org_id?, advertiser_id?, send_on?}` → `{sizes: [n], pairs: [{one, other,
    both}], union}`, after exclusions.

    Without a viewer the figures are exact: the caller has checked that every base is the actor's own. To a viewer
    (the broker) each figure is the guard's, 0 where it is under the floor.
    """
    parts, viewer = arguments.get("parts"), number_or_none(arguments, "viewer_org_id")
    if not isinstance(parts, list) or not 2 <= len(parts) <= MOST_SETS:
        raise InvalidInput(f"Compare 2 to {MOST_SETS} segments at a time.", code="too_many_segments", field="segments")
    advertiser_id, send_on = number_or_none(arguments, "advertiser_id"), day_or_none(arguments, "send_on")
    with desk.database.begin() as unit:
        if viewer is not None:
            answers_store.lock_answers(unit, sorted({number(part, "base_id") for part in parts}))
        sets = []
        for part in parts:
            snapshot, rule = desk.snapshot(unit, number(part, "base_id")), clean_rule(part.get("rule"))
            sets.append(_Set(snapshot, rule, desk.left(unit, snapshot, rule, advertiser_id, send_on).left))
        if viewer is None:
            return exact(sets, desk.settings.audience.threads)
        towards = {"advertiser": advertiser_id, "on": None if send_on is None else send_on.isoformat()}
        return _guarded(desk, unit, viewer, sets, towards)


def exact(sets: list[_Set], threads: int) -> dict[str, Any]:
    """Sizes, pairs and union, exactly."""
    sizes = [int(np.count_nonzero(one.left)) for one in sets]
    pairs = []
    for (a, one), (b, other) in combinations(enumerate(sets), 2):
        if one.snapshot is other.snapshot:
            both = int(np.count_nonzero(one.left & other.left))
        else:
            both = sizes[a] + sizes[b] - count_distinct([one.keys, other.keys], None, threads)
        pairs.append({"one": a, "other": b, "both": both})
    return {"sizes": sizes, "pairs": pairs, "union": _union(sets, threads)}


def _union(sets: list[_Set], threads: int) -> int:
    """Everybody who stands in any of them: a base's own sets joined first, then by contact key."""
    by_base: dict[int, _Set] = {}
    for one in sets:
        known = by_base.get(one.snapshot.row.id)
        by_base[one.snapshot.row.id] = one if known is None else _Set(one.snapshot, one.rule, known.left | one.left)
    joined = list(by_base.values())
    if len(joined) == 1:
        return int(np.count_nonzero(joined[0].left))
    return count_distinct([one.keys for one in joined], None, threads)


def _guarded(
    desk: DeskMeans, unit: UnitOfWork, viewer: int, sets: list[_Set], towards: dict[str, Any]
) -> dict[str, Any]:
    rules = desk.settings.disclosure
    rate = marking_rate(rules)
    noise = [np.compress(one.left, one.snapshot.noise) for one in sets]

    def figure(kind: str, places: list[int], asked: Fingerprint) -> int:
        of = sorted({(sets[place].snapshot.row.base_id, sets[place].snapshot.row.id) for place in places})
        named = sorted(([sets[place].snapshot.row.base_id, sets[place].rule] for place in places), key=str)
        question = {"rule": named[0][1]} if kind == "one" else {kind: named}
        return guarded_figure(unit, rules, viewer, of, {**question, **towards}, asked).shown

    sizes = [figure("one", [place], fingerprint_of_many([keys], rate)) for place, keys in enumerate(noise)]
    pairs = []
    for a, b in combinations(range(len(sets)), 2):
        both = np.intersect1d(noise[a], noise[b], assume_unique=True)
        pairs.append({"one": a, "other": b, "both": figure("all", [a, b], fingerprint_of_many([both], rate))})
    union = figure("any", list(range(len(sets))), fingerprint_of_many(list(noise), rate))
    return {"sizes": sizes, "pairs": pairs, "union": union}
