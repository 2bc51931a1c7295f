"""Rows of insight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
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
