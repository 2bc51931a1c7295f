"""The queries of import plans: what an owner decided of an upload, and what its dry run found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def plan_of(unit: UnitOfWork, upload_id: int) -> Row[Any] | None:
    """mapping, policies, reading, revision, check_state, checked."""
    return unit.one(
        "SELECT mapping, policies, reading, revision, check_state, checked FROM import_plan WHERE upload_id = :id",
        id=upload_id,
    )


def write_plan(
    unit: UnitOfWork,
    upload_id: int,
    base_id: int,
    mapping: Mapping[str, str],
    policies: Mapping[str, str],
    reading: Mapping[str, Any],
) -> None:
    """Keep a decision; what a dry run found for the last one no longer counts."""
    unit.run(
        "INSERT INTO import_plan (upload_id, base_id, mapping, policies, reading)"
        " VALUES (:upload, :base, CAST(:mapping AS jsonb), CAST(:policies AS jsonb), CAST(:reading AS jsonb))"
        " ON CONFLICT (upload_id) DO UPDATE SET mapping = excluded.mapping, policies = excluded.policies,"
        " reading = excluded.reading, revision = import_plan.revision + 1, check_state = 'none', checked = '{}',"
        " updated_at = app_now()",
        upload=upload_id,
        base=base_id,
        mapping=json.dumps(mapping),
        policies=json.dumps(policies),
        reading=json.dumps(reading),
    )


def ask_for_check(unit: UnitOfWork, upload_id: int) -> None:
    """A worker shall try the plan."""
    unit.run(
        "UPDATE import_plan SET check_state = 'waiting', checked = '{}', updated_at = app_now() WHERE upload_id = :id",
        id=upload_id,
    )


def write_reading(unit: UnitOfWork, upload_id: int, reading: Mapping[str, Any]) -> None:
    """Accepted domains: they change no column, so the dry run stands."""
    unit.run(
        "UPDATE import_plan SET reading = CAST(:reading AS jsonb), updated_at = app_now() WHERE upload_id = :id",
        id=upload_id,
        reading=json.dumps(reading),
    )


def report_check(unit: UnitOfWork, upload_id: int, revision: int, state: str, checked: Mapping[str, Any]) -> bool:
    """Write how far a dry run came; False where the owner has decided otherwise since."""
    written = unit.run(
        "UPDATE import_plan SET check_state = :state, checked = CAST(:checked AS jsonb)"
        " WHERE upload_id = :id AND revision = :revision AND check_state IN ('waiting', 'running')",
        id=upload_id,
        revision=revision,
        state=state,
        checked=json.dumps(checked, ensure_ascii=False),
    )
    return written.rowcount == 1


def open_uploads(unit: UnitOfWork, base_id: int) -> list[str]:
    """Codes of a base's uploads that no import has taken up, the newest first."""
    rows = unit.all(
        "SELECT code FROM upload u WHERE base_id = :base AND state <> 'destroyed' AND NOT EXISTS"
        " (SELECT 1 FROM import_run r WHERE r.upload_id = u.id) ORDER BY id DESC LIMIT 20",
        base=base_id,
    )
    return [row.code for row in rows]


def is_in_use(unit: UnitOfWork, upload_id: int) -> bool:
    """Whether an import waits for the file or reads it."""
    return bool(
        unit.scalar(
            "SELECT EXISTS (SELECT 1 FROM import_run WHERE upload_id = :id AND state IN ('waiting', 'reading'))",
            id=upload_id,
        )
    )
