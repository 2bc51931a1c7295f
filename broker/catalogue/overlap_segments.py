"""How much segments of one base share: for its owner, exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from broker.audience.rule import Rule
from broker.catalogue import store
from broker.catalogue.segments import find_segment
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound

MOST_SEGMENTS = 6


class Overlaps(Protocol):
    """The part of the audience client that is asked."""

    def overlap(self, base_id: int, rules: Sequence[Rule]) -> dict[str, Any]:
        """`{sizes, pairs, union, parts}`."""


def overlap_segments(unit: UnitOfWork, audience: Overlaps, base_code: str, codes: Sequence[str]) -> dict[str, Any]:
    """`{segments: [{code, name, size}], pairs: [[people in both]], union, parts: [{members: [place, …], count}]}`.

    After exclusions, as `compare_segments`. `parts` are disjoint: people in exactly these segments, the largest first.
    Two to six segments of one of the actor's bases; raises `overlap_choice`, `not_found`.
    """
    base = store.base_of(unit, base_code)
    if base is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    wanted = list(dict.fromkeys(codes))
    if not 2 <= len(wanted) <= MOST_SEGMENTS:
        raise InvalidInput(
            f"Choose two to {MOST_SEGMENTS} segments to compare.", code="overlap_choice", field="segments"
        )
    segments = [find_segment(unit, code) for code in wanted]
    strange = next((one for one in segments if one.base_id != base.id), None)
    if strange is not None:
        raise InvalidInput(
            f"The segment {strange.code} is of another base: compare segments of one base.",
            code="overlap_choice",
            field="segments",
        )
    found = audience.overlap(base.id, [one.rule for one in segments])
    return {
        **found,
        "segments": [
            {"code": one.code, "name": one.name, "size": size}
            for one, size in zip(segments, found["sizes"], strict=True)
        ],
    }
