"""How far segments overlap: an owner's own exactly, anybody's for the broker in guarded figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from broker.audience.rule import Rule
from broker.audit.record import record
from broker.catalogue import store
from broker.catalogue.compare_store import ComparableSegment, any_segment, comparable_segments
from broker.catalogue.model import Segment
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound

MOST_LISTED = 200


class ComparingDesk(Protocol):
    """The part of the audience client that is asked."""

    def compare_segments(
        self,
        parts: Sequence[tuple[int, Rule]],
        viewer_org_id: int | None = None,
        advertiser_id: int | None = None,
        send_on: date | None = None,
    ) -> Mapping[str, Any]:
        """Sizes, pairs and union of segments."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two of the compared segments, by their place, and who stands in both."""

    one: int
    other: int
    both: int


@dataclass(frozen=True, slots=True)
class Overlap:
    """People after exclusions: of each segment, of each two together, of all at once, everybody counted once.

    `guarded`: figures are rounded and perturbed, and 0 reads "fewer than can be shown".
    """

    segments: list[Segment]
    sizes: list[int]
    pairs: list[Pair]
    union: int
    guarded: bool

    @property
    def twice(self) -> int:
        """Names that stand in more than one segment, counted as often as they do."""
        return max(0, sum(self.sizes) - self.union)


def compare_segments(
    unit: UnitOfWork, audience: ComparingDesk, codes: Sequence[str], send_on: date | None = None
) -> Overlap:
    """Compare 2 to 8 segments: an owner its own, in one base or several; the broker any.

    Raises `not_found`, `too_many_segments`, `same_segment`, `send_date_passed`, `no_snapshot`.
    """
    unit.actor.require("owner", "broker")
    if len(set(codes)) < len(codes):
        raise InvalidInput("Choose each segment once.", code="same_segment", field="segments")
    if not 2 <= len(codes) <= 8:
        raise InvalidInput("Compare 2 to 8 segments at a time.", code="too_many_segments", field="segments")
    broker = unit.actor.role == "broker"
    segments = [_segment(unit, code, broker) for code in codes]
    found = audience.compare_segments(
        [(segment.base_id, segment.rule) for segment in segments],
        viewer_org_id=unit.actor.org if broker else None,
        send_on=send_on,
    )
    record(unit, "segments.compared", "segment", codes[0], segments=list(codes))
    pairs = [Pair(pair["one"], pair["other"], pair["both"]) for pair in found["pairs"]]
    return Overlap(segments, list(found["sizes"]), pairs, int(found["union"]), broker)


def list_comparable(unit: UnitOfWork) -> list[ComparableSegment]:
    """The segments that the broker may compare: the newest 200 of all bases."""
    unit.actor.require("broker")
    return comparable_segments(unit, MOST_LISTED)


def _segment(unit: UnitOfWork, code: str, broker: bool) -> Segment:
    segment = any_segment(unit, code) if broker else store.segment_by_code(unit, code)
    if segment is None:
        raise NotFound(f"There is no segment {code[:60]!r}{'' if broker else ' of yours'}.", field="segments")
    return segment
