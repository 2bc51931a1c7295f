"""Rows of the audit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What `verify` found: how many entries there are, the first that does not fit (None: all do), the newest's hash.

    The hash in hexadecimal, noted outside the database, proves later that nothing before it was changed or cut off.
    """

    entries: int
    broken_at: int | None
    head: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry as shown: who did what, when, to which object."""

    id: int
    at: datetime
    actor_role: str
    user_name: str | None
    org_name: str | None
    action: str
    object_kind: str
    object_id: str


@dataclass(frozen=True, slots=True)
class Alert:
    """Somebody took many rows: at once (`rows`), or with those taken earlier that day (`today`)."""

    id: int
    at: datetime
    actor_role: str
    user_name: str | None
    org_name: str | None
    object_kind: str
    object_id: str
    rows: int
    today: int
