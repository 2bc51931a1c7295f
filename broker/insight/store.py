"""Queries of insight."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from sqlalchemy.engine import Row

from broker.insight.model import SnapshotInsight
from broker.kernel.database import UnitOfWork


def snapshot_to_study(unit: UnitOfWork, snapshot_id: int) -> Row[Any] | None:
    """base_id, file_name and created day of a snapshot without findings, and the file of the one before it."""
    return unit.one(
        "SELECT s.id AS snapshot_id, s.base_id, s.number, s.file_name, s.created_at, p.file_name AS before_file,"
        " p.number AS before_number"
        " FROM snapshot s LEFT JOIN LATERAL (SELECT file_name, number FROM snapshot"
        "  WHERE base_id = s.base_id AND number < s.number ORDER BY number DESC LIMIT 1) p ON true"
        " WHERE s.id = :id AND NOT EXISTS (SELECT 1 FROM base_insight i WHERE i.snapshot_id = s.id)",
        id=snapshot_id,
    )


def insert_insight(unit: UnitOfWork, snapshot_id: int, base_id: int, as_of: date, found: dict[str, Any]) -> None:
    """Keep what was found; a second run of the same job changes nothing."""
    unit.run(
        "INSERT INTO base_insight (snapshot_id, base_id, as_of, found)"
        " VALUES (:snapshot_id, :base_id, :as_of, CAST(:found AS jsonb)) ON CONFLICT DO NOTHING",
        snapshot_id=snapshot_id,
        base_id=base_id,
        as_of=as_of,
        found=json.dumps(found),
    )


def insights_of(unit: UnitOfWork, base_code: str, limit: int) -> list[SnapshotInsight]:
    """Findings on a base of the actor's organisation, the newest first."""
    rows = unit.all(
        "SELECT s.number, i.as_of, i.found FROM base b JOIN base_insight i ON i.base_id = b.id"
        " JOIN snapshot s ON s.id = i.snapshot_id WHERE b.code = :code AND b.org_id = :org"
        " ORDER BY s.number DESC LIMIT :limit",
        code=base_code,
        org=unit.actor.org,
        limit=limit,
    )
    return [SnapshotInsight(row.number, row.as_of, row.found) for row in rows]


def base_of(unit: UnitOfWork, base_code: str) -> Row[Any] | None:
    """(id, code, name, current_snapshot_id, columns) of a base of the actor's."""
    return unit.one(
        "SELECT b.id, b.code, b.name, b.current_snapshot_id, s.columns FROM base b"
        " LEFT JOIN snapshot s ON s.id = b.current_snapshot_id WHERE b.code = :code AND b.org_id = :org",
        code=base_code,
        org=unit.actor.org,
    )


def newest_rules(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """(kind, version, body) in force."""
    return unit.all(
        "SELECT DISTINCT ON (kind) kind, version, body FROM insight_rule WHERE base_id = :base"
        " ORDER BY kind, version DESC",
        base=base_id,
    )


def rule_versions(unit: UnitOfWork, base_id: int, kind: str, most: int) -> list[Row[Any]]:
    """(version, body, created_at, by) of one kind, the newest first."""
    return unit.all(
        "SELECT r.version, r.body, r.created_at, u.name AS by FROM insight_rule r LEFT JOIN app_user u"
        " ON u.id = r.created_by WHERE r.base_id = :base AND r.kind = :kind ORDER BY r.version DESC LIMIT :most",
        base=base_id,
        kind=kind,
        most=most,
    )


def insert_rule(unit: UnitOfWork, base_id: int, kind: str, body: dict[str, Any]) -> int:
    """Keep the next version; its number. Two at once: the second is refused by the key."""
    version: int = unit.scalar(
        "INSERT INTO insight_rule (base_id, kind, version, body, created_by)"
        " SELECT :base, :kind, coalesce(max(version), 0) + 1, CAST(:body AS jsonb), :user FROM insight_rule"
        " WHERE base_id = :base AND kind = :kind RETURNING version",
        base=base_id,
        kind=kind,
        body=json.dumps(body),
        user=unit.actor.user_id,
    )
    return version


def insert_run(
    unit: UnitOfWork, snapshot_id: int, base_id: int, used: dict[str, Any], potential: dict[str, Any]
) -> None:
    """With what a snapshot was worked out; its findings are to come."""
    unit.run(
        "INSERT INTO insight_run (snapshot_id, base_id, used, potential)"
        " VALUES (:id, :base, CAST(:used AS jsonb), CAST(:potential AS jsonb)) ON CONFLICT DO NOTHING",
        id=snapshot_id,
        base=base_id,
        used=json.dumps(used),
        potential=json.dumps(potential),
    )


def run_of(unit: UnitOfWork, snapshot_id: int) -> Row[Any] | None:
    """(used, potential, step, steps, step_name) of a snapshot."""
    return unit.one(
        "SELECT used, potential, step, steps, step_name FROM insight_run WHERE snapshot_id = :id", id=snapshot_id
    )


def tell_step(unit: UnitOfWork, snapshot_id: int, base_id: int, step: int, steps: int, name: str) -> None:
    """How far the findings are."""
    unit.run(
        "INSERT INTO insight_run (snapshot_id, base_id, step, steps, step_name)"
        " VALUES (:id, :base, :step, :steps, :name) ON CONFLICT (snapshot_id) DO UPDATE"
        " SET step = excluded.step, steps = excluded.steps, step_name = excluded.step_name, updated_at = app_now()",
        id=snapshot_id,
        base=base_id,
        step=step,
        steps=steps,
        name=name,
    )


def newest_segments(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """(name, rule, rule_text) of a base's saved segments, the newest first."""
    return unit.all(
        "SELECT name, rule, rule_text FROM segment WHERE base_id = :base AND archived_at IS NULL"
        " ORDER BY id DESC LIMIT 12",
        base=base_id,
    )


def sector_of(unit: UnitOfWork, base_id: int) -> str | None:
    """What the base's owner trades in: the base's own sector, else its organisation's."""
    found: str | None = unit.scalar(
        "SELECT coalesce(b.sector, o.sector) FROM base b JOIN organisation o ON o.id = b.org_id WHERE b.id = :base",
        base=base_id,
    )
    return found


def insert_lookup(unit: UnitOfWork, code: str, base_id: int, sealed: bytes) -> None:
    """A question about one customer, its reference sealed."""
    lookup_id = unit.scalar(
        "INSERT INTO customer_lookup (code, org_id, base_id, sealed, asked_by)"
        " VALUES (:code, :org, :base, :sealed, :user) RETURNING id",
        code=code,
        org=unit.actor.org,
        base=base_id,
        sealed=sealed,
        user=unit.actor.user_id,
    )
    unit.enqueue("look_up_customer", lookup_id)


def lookup_by_code(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """(code, base_code, state, found, created_at) of a question of the actor's."""
    return unit.one(
        "SELECT l.code, b.code AS base_code, l.state, l.found, l.created_at FROM customer_lookup l"
        " JOIN base b ON b.id = l.base_id WHERE l.code = :code AND l.org_id = :org",
        code=code,
        org=unit.actor.org,
    )


def insert_trigger(unit: UnitOfWork, base_id: int, values: dict[str, Any]) -> None:
    """A trigger as it was defined."""
    unit.run(
        "INSERT INTO insight_trigger (code, base_id, name, kind, field, category, days_before, rule_text, segment_code)"
        " VALUES (:code, :base, :name, :kind, :field, :category, :days_before, :rule_text, :segment_code)",
        base=base_id,
        **values,
    )


def triggers_of(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """Triggers that are on, the newest first."""
    return unit.all(
        "SELECT code, name, kind, field, category, days_before, rule_text, segment_code, created_at"
        " FROM insight_trigger WHERE base_id = :base AND ended_at IS NULL ORDER BY id DESC",
        base=base_id,
    )


def end_trigger(unit: UnitOfWork, base_id: int, code: str) -> bool:
    """Whether a trigger of that base was on, and is off now."""
    return bool(
        unit.run(
            "UPDATE insight_trigger SET ended_at = app_now() WHERE base_id = :base AND code = :code"
            " AND ended_at IS NULL",
            base=base_id,
            code=code,
        ).rowcount
    )


def has_insight(unit: UnitOfWork, snapshot_id: int) -> bool:
    """Whether the findings on a snapshot are there."""
    return unit.scalar("SELECT 1 FROM base_insight WHERE snapshot_id = :id", id=snapshot_id) is not None


def rules_changed(unit: UnitOfWork, base_id: int, snapshot_id: int) -> bool:
    """Whether the owner set something since a snapshot was worked out."""
    return bool(
        unit.scalar(
            "SELECT EXISTS (SELECT 1 FROM insight_rule r WHERE r.base_id = :base AND r.kind <> 'shops'"
            " AND r.version > coalesce((SELECT (i.used ->> r.kind)::integer FROM insight_run i"
            "  WHERE i.snapshot_id = :snapshot), 0))",
            base=base_id,
            snapshot=snapshot_id,
        )
    )


def current_snapshot(unit: UnitOfWork, base_id: int) -> int | None:
    """The id of a base's current snapshot."""
    found: int | None = unit.scalar("SELECT current_snapshot_id FROM base WHERE id = :id", id=base_id)
    return found


def category_of_column(unit: UnitOfWork, snapshot_id: int, column: str) -> str | None:
    """The category whose last purchases a column of a snapshot holds."""
    found: str | None = unit.scalar(
        "SELECT used -> 'categories' ->> :column FROM insight_run WHERE snapshot_id = :id",
        column=column,
        id=snapshot_id,
    )
    return found
