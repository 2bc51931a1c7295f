"""Rows of the life of segments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker.audience.rule import Rule


@dataclass(frozen=True, slots=True)
class SegmentLine:
    """A segment in its base's list; `people` and `rentable` as last counted, None before the first count."""

    code: str
    name: str
    rule_text: str
    rule: Rule
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None
    people: int | None
    rentable: int | None
    counted_at: datetime | None
    cards: int
    sends: int
    segments: int


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """Something that stands on a segment; `code` is a card's, an order's, a participation's or a segment's."""

    kind: Literal["card", "order", "send", "segment"]
    code: str
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class SegmentChange:
    """One entry of a segment's history: what it was called and what it said from then on."""

    kind: Literal["created", "renamed", "rule", "archived", "restored"]
    name: str
    rule_text: str
    at: datetime
    who: str
