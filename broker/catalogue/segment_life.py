"""A base's segments with their last counts, what stands on one, its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.catalogue import segment_store, store
from broker.catalogue.model import Segment
from broker.catalogue.segment_model import SegmentChange, SegmentLine, SegmentUse
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def segment_lines(unit: UnitOfWork, base_code: str, archived: bool = False) -> list[SegmentLine]:
    """The segments of one of the actor's bases as lines of a list; those of the archive apart."""
    base = store.base_of(unit, base_code)
    if base is None:
        raise NotFound(f"There is no base {base_code!r} of yours.", field="base")
    return segment_store.lines(unit, base.id, archived)


def segment_uses(unit: UnitOfWork, segment: Segment) -> list[SegmentUse]:
    """What stands on a segment now."""
    return segment_store.uses(unit, segment.id)


def segment_history(unit: UnitOfWork, segment: Segment) -> list[SegmentChange]:
    """What a segment was called and said, the newest first."""
    return segment_store.changes(unit, segment.id)


def rule_stands(unit: UnitOfWork, segment: Segment) -> bool:
    """Whether the rule can no longer change, since a card or a send rests on it."""
    return segment_store.rests_on(unit, segment.id)


def remember_count(unit: UnitOfWork, segment: Segment, answer: Mapping[str, Any]) -> None:
    """Keep an answer of `count_for_owner` on the segment's own rule for lists."""
    segment_store.remember_count(unit, segment.id, int(answer["count"]), int(answer["rentable"]))
