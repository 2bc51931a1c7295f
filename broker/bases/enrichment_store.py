"""The queries of enrichments and of stale fields."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from broker.bases.enrichment_model import Enrichment, FieldChange, Reminder, Watch
from broker.kernel.database import UnitOfWork

_COUNTS = ("given", "filled", "changed", "confirmed", "cleared", "kept")


def add_changes(unit: UnitOfWork, import_id: int, base_id: int, changes: Iterable[FieldChange]) -> None:
    """Add to what an import did to its fields; a block of rows at a time, in the block's own transaction."""
    added = ", ".join(f"{name} = f.{name} + excluded.{name}" for name in _COUNTS)
    unit.run_many(
        f"INSERT INTO import_field AS f (import_id, base_id, field, {', '.join(_COUNTS)})"  # noqa: S608 - our own names
        f" VALUES (:import_id, :base_id, :field, {', '.join(f':{name}' for name in _COUNTS)})"
        f" ON CONFLICT (import_id, field) DO UPDATE SET {added}",
        [{"import_id": import_id, "base_id": base_id, **asdict(change)} for change in changes],
    )


def is_enrichment(unit: UnitOfWork, import_id: int) -> bool:
    """Whether an import adds to known contacts alone."""
    return bool(unit.scalar("SELECT enriches FROM import_run WHERE id = :import", **{"import": import_id}))


def upload_enriches(unit: UnitOfWork, upload_id: int) -> bool:
    """Whether a file was uploaded as an enrichment."""
    return bool(unit.scalar("SELECT enriches FROM upload WHERE id = :id", id=upload_id))


def mark_upload(unit: UnitOfWork, code: str) -> None:
    """A file was uploaded as an enrichment."""
    unit.run("UPDATE upload SET enriches = true WHERE code = :code", code=code)


def forget_changes(unit: UnitOfWork, import_id: int) -> None:
    """An import that begins anew counts anew."""
    unit.run("DELETE FROM import_field WHERE import_id = :import", **{"import": import_id})


def changes_of(unit: UnitOfWork, import_id: int) -> list[FieldChange]:
    """What an enrichment did to each field, what it changed most first."""
    rows = unit.all(
        f"SELECT field, {', '.join(_COUNTS)} FROM import_field WHERE import_id = :import"  # noqa: S608 - our own names
        " AND filled + changed + confirmed + cleared + kept > 0 ORDER BY filled + changed DESC, field",
        **{"import": import_id},
    )
    return [FieldChange(**row._mapping) for row in rows]


def enrichments_of(unit: UnitOfWork, base_id: int) -> list[Enrichment]:
    """The enrichments of a base, the newest first."""
    rows = unit.all(
        "SELECT r.code, u.file_name, r.state, r.created_at, r.ended_at, r.rows_read, r.accepted,"
        " coalesce((r.summary->'reasons'->>'unknown_contact')::bigint, 0) AS unknown,"
        " coalesce(sum(f.filled), 0)::bigint AS filled, coalesce(sum(f.changed), 0)::bigint AS changed,"
        " coalesce(sum(f.confirmed), 0)::bigint AS confirmed"
        " FROM import_run r JOIN upload u ON u.id = r.upload_id LEFT JOIN import_field f ON f.import_id = r.id"
        " WHERE r.base_id = :base AND r.enriches GROUP BY r.id, u.file_name ORDER BY r.id DESC LIMIT 100",
        base=base_id,
    )
    return [Enrichment(**row._mapping) for row in rows]


def watches(unit: UnitOfWork, base_id: int) -> list[Watch]:
    """The fields of a base that its owner watches."""
    rows = unit.all("SELECT field, months FROM field_watch WHERE base_id = :base ORDER BY field", base=base_id)
    return [Watch(**row._mapping) for row in rows]


def set_watch(unit: UnitOfWork, base_id: int, field: str, months: int) -> None:
    """Watch a field, or watch it for another time."""
    unit.run(
        "INSERT INTO field_watch (base_id, field, months) VALUES (:base, :field, :months)"
        " ON CONFLICT (base_id, field) DO UPDATE SET months = excluded.months, updated_at = app_now()",
        base=base_id,
        field=field,
        months=months,
    )


def drop_watch(unit: UnitOfWork, base_id: int, field: str) -> bool:
    """Watch a field no more; its reminder goes, too. False where it was not watched."""
    unit.run("DELETE FROM field_reminder WHERE base_id = :base AND field = :field", base=base_id, field=field)
    gone = unit.run("DELETE FROM field_watch WHERE base_id = :base AND field = :field", base=base_id, field=field)
    return gone.rowcount == 1


def reminders(unit: UnitOfWork, org_id: int | None, base_id: int | None) -> list[Reminder]:
    """Stale fields that the actor may see, those stale for longest first."""
    rows = unit.all(
        "SELECT b.code AS base_code, b.name AS base_name, f.field, f.months, f.contacts, f.renewed, f.last_given_on,"
        " f.since FROM field_reminder f JOIN base b ON b.id = f.base_id"
        " WHERE (CAST(:org AS bigint) IS NULL OR b.org_id = :org) AND (CAST(:base AS bigint) IS NULL OR b.id = :base)"
        " ORDER BY f.since, b.name, f.field LIMIT 500",
        org=org_id,
        base=base_id,
    )
    return [Reminder(**row._mapping) for row in rows]


def watched_bases(unit: UnitOfWork) -> list[tuple[int, str]]:
    """(id, code) of bases with a watched field or a reminder left over; for the daily job."""
    rows = unit.all(
        "SELECT id, code FROM base b WHERE EXISTS (SELECT 1 FROM field_watch w WHERE w.base_id = b.id)"
        " OR EXISTS (SELECT 1 FROM field_reminder f WHERE f.base_id = b.id) ORDER BY id"
    )
    return [(row.id, row.code) for row in rows]


# A field is stale when files renewed fewer than half of its values within its months. Values are counted, not people:
# who was in two files counts twice. A field without any value is missing, which is another matter.
_STALE = """
WITH held AS (
  SELECT q.facts FROM base_quality q WHERE q.base_id = :base ORDER BY q.number DESC LIMIT 1
), state AS (
  SELECT w.field, w.months,
    coalesce((h.facts->'filled'->>w.field)::bigint, (h.facts->'traits'->>w.field)::bigint, 0) AS contacts,
    coalesce(sum(f.given) FILTER (WHERE f.at > app_now() - make_interval(months => w.months)), 0)::bigint AS renewed,
    max(f.at)::date AS last_given_on
  FROM field_watch w CROSS JOIN held h LEFT JOIN import_field f ON f.base_id = w.base_id AND f.field = w.field
    AND f.given > 0
  WHERE w.base_id = :base GROUP BY w.field, w.months, h.facts
)
"""


def renew_reminders(unit: UnitOfWork, base_id: int) -> list[str]:
    """Measure the watched fields of a base anew: which are newly stale."""
    unit.run(
        _STALE  # noqa: S608 - our own text
        + "DELETE FROM field_reminder r WHERE r.base_id = :base AND NOT EXISTS (SELECT 1 FROM state s"
        " WHERE s.field = r.field AND s.contacts > 0 AND 2 * s.renewed < s.contacts)",
        base=base_id,
    )
    rows = unit.all(
        _STALE  # noqa: S608 - our own text
        + "INSERT INTO field_reminder AS r (base_id, field, months, contacts, renewed, last_given_on, since)"
        " SELECT :base, field, months, contacts, renewed, last_given_on, :today FROM state"
        " WHERE contacts > 0 AND 2 * renewed < contacts"
        " ON CONFLICT (base_id, field) DO UPDATE SET months = excluded.months, contacts = excluded.contacts,"
        " renewed = excluded.renewed, last_given_on = excluded.last_given_on, measured_at = app_now()"
        " RETURNING field, xmax = 0 AS fresh",
        base=base_id,
        today=unit.today,
    )
    return sorted(row.field for row in rows if row.fresh)
