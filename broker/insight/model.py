"""Rows of insight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SnapshotInsight:
    """What was found on one snapshot; `found` as docs/insight.md describes it."""

    number: int
    as_of: date
    found: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BaseInsight:
    """The newest findings of a base, and the ones before it, newest first."""

    base_code: str
    latest: SnapshotInsight
    before: list[SnapshotInsight]


@dataclass(frozen=True, slots=True)
class InsightProgress:
    """How far a study is: `step` of `steps`, and the name of what is under way (a step of build_insight, or so)."""

    step: int
    steps: int
    name: str


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of what an owner set."""

    version: int
    body: dict[str, Any]
    created_at: datetime
    by: str | None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A segment that renews each day. `rule_text` says whom it takes; `category` is that of the purchase it follows."""

    code: str
    name: str
    kind: str
    field: str
    category: str | None
    days_before: int
    rule_text: str
    segment_code: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Lookup:
    """A question about one customer: `waiting`, `found` with `found` as docs/insight.md describes it, `not_found`."""

    code: str
    base_code: str
    state: str
    found: dict[str, Any] | None
    created_at: datetime
