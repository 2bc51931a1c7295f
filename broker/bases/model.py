"""Rows of bases, uploads, imports and rejects."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

FileKind = Literal["contacts", "purchases", "visits"]
ENDED = frozenset({"done", "failed", "cancelled"})
CODE_FORM = re.compile(r"[a-z0-9][a-z0-9-]{1,39}")

# The life of an import: who may follow on whom. `building` is the snapshot build's, which ends it as done or failed.
IMPORT_TRANSITIONS: dict[str, tuple[str, ...]] = {
    "waiting": ("reading", "cancelled", "failed"),
    "reading": ("reading", "building", "cancelled", "failed"),
    "building": ("done", "failed"),
    "done": (),
    "failed": (),
    "cancelled": (),
}


@dataclass(frozen=True, slots=True)
class Base:
    """An owner's base."""

    id: int
    org_id: int
    code: str
    name: str
    sector: str | None
    contact_kind: str
    partner_policy: str
    current_snapshot_id: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PartnerName:
    """A partner as the list names it; `advertiser` is an organisation's code where the partner is one here."""

    name: str
    advertiser: str | None = None
    sector: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A file received and sealed."""

    id: int
    code: str
    base_id: int
    base_code: str
    kind: FileKind
    file_name: str
    size_bytes: int
    whole_bytes: int | None
    parts: list[int]
    state: str
    created_at: datetime

    @property
    def sealed_name(self) -> str:
        """The file's name in the uploads folder, of a file that was sent at once."""
        return f"{self.code}.sealed"

    @property
    def info(self) -> str:
        """What the seal binds the file to."""
        return f"upload|{self.base_id}|{self.code}"

    def part_name(self, offset: int) -> str:
        """The name of the piece that begins at `offset`, of a file that was sent in pieces."""
        return f"{self.code}.{offset}.part"

    def part_info(self, offset: int) -> str:
        """What the seal binds a piece to: no piece takes another's place."""
        return f"{self.info}|{offset}"

    @property
    def sealed_names(self) -> list[str]:
        """Every file that it is made of."""
        return [self.sealed_name, *(self.part_name(offset) for offset in self.parts)]


@dataclass(frozen=True, slots=True)
class ImportRun:
    """One import, at any moment of its life."""

    id: int
    code: str
    base_id: int
    base_code: str
    upload_id: int
    kind: FileKind
    state: str
    mapping: dict[str, str]
    policies: dict[str, str]
    reading: dict[str, Any]
    outcome: dict[str, Any]
    file_name: str
    started_by: str | None
    enriches: bool  # only contacts that the base has are taken
    total_bytes: int
    done_bytes: int
    rows_read: int
    accepted: int
    rejected: int
    duplicates: int
    rentable: int
    summary: dict[str, Any]
    problem: str | None
    snapshot_id: int | None
    started_at: datetime | None
    ended_at: datetime | None
    created_at: datetime

    def rows_per_second(self, now: datetime) -> float | None:
        """How fast it reads, or read; None before it begins."""
        seconds = ((self.ended_at or now) - self.started_at).total_seconds() if self.started_at else 0
        return round(self.rows_read / seconds, 1) if seconds > 0 else None

    def seconds_left(self, now: datetime) -> int | None:
        """A guess from the share of bytes read; None where there is nothing to guess from."""
        if self.state != "reading" or not self.started_at or not self.done_bytes or not self.total_bytes:
            return None
        seconds = (now - self.started_at).total_seconds()
        return max(0, round(seconds * (self.total_bytes - self.done_bytes) / self.done_bytes))


@dataclass(frozen=True, slots=True)
class OwnReview:
    """A column in which forbidden words were met, as the owner sees it: its verdict is None while the broker looks."""

    header: str
    category: str
    found: int
    filled: int
    verdict: str | None
    reason: str
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reject:
    """A rejected row: its line in the file, all reasons, its values masked."""

    line: int
    reasons: list[str]
    masked: dict[str, str]
