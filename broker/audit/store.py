"""The only queries of the audit."""

from __future__ import annotations

from broker.audit.model import Alert, AuditEntry
from broker.kernel.database import UnitOfWork

# Each entry must follow its predecessor (number and hash) and carry the hash of its own content. An entry without a
# place in the chain was written past the trigger that gives it one.
VERIFY = """
WITH chain AS (
  SELECT id,
         id = coalesce(lag(id) OVER w, 0) + 1
         AND previous_hash = coalesce(lag(hash) OVER w, ''::bytea)
         AND hash = audit_hash(previous_hash, id, at, org_id, user_id, actor_role, action, object_kind, object_id,
                               detail) AS fits
  FROM audit_entry WHERE id IS NOT NULL WINDOW w AS (ORDER BY id))
SELECT count(*) AS entries,
       coalesce(min(id) FILTER (WHERE fits IS NOT TRUE),
                CASE WHEN EXISTS (SELECT FROM audit_entry WHERE id IS NULL)
                  THEN coalesce(max(id), 0) + 1 END) AS broken_at,
       coalesce((SELECT encode(hash, 'hex') FROM audit_entry WHERE id IS NOT NULL ORDER BY id DESC LIMIT 1), '') AS head
FROM chain
"""


def append(unit: UnitOfWork, action: str, object_kind: str, object_id: str, detail: str) -> None:
    """Add an entry through the one function that may; `detail` is JSON text."""
    unit.run(
        "SELECT append_audit(:action, :kind, :object_id, CAST(:detail AS jsonb))",
        action=action,
        kind=object_kind,
        object_id=object_id,
        detail=detail,
    )


def verify(unit: UnitOfWork) -> tuple[int, int | None, str]:
    """(entries, first that does not fit, newest hash)."""
    row = unit.one(VERIFY)
    assert row is not None
    return row.entries, row.broken_at, row.head


def hash_of(unit: UnitOfWork, entry: int) -> str | None:
    """The hash of one entry in hexadecimal."""
    found: str | None = unit.scalar("SELECT encode(hash, 'hex') FROM audit_entry WHERE id = :entry", entry=entry)
    return found


def entries_page(unit: UnitOfWork, size: int, offset: int) -> list[AuditEntry]:
    """Entries that the actor's policies show, the newest first, with names."""
    rows = unit.all(
        "SELECT a.id, a.at, a.actor_role, u.name AS user_name, o.name AS org_name, a.action, a.object_kind,"
        " a.object_id FROM audit_entry a LEFT JOIN app_user u ON u.id = a.user_id"
        " LEFT JOIN organisation o ON o.id = a.org_id ORDER BY a.id DESC LIMIT :size OFFSET :offset",
        size=size,
        offset=offset,
    )
    return [AuditEntry(**row._asdict()) for row in rows]


def count_entries(unit: UnitOfWork) -> int:
    """How many there are of them."""
    return int(unit.scalar("SELECT count(*) FROM audit_entry"))


def meter_read(unit: UnitOfWork, object_kind: str, rows: int) -> int:
    """Add to the rows of a kind that the actor took today; their sum."""
    return int(unit.scalar("SELECT meter_read(:kind, :rows)", kind=object_kind, rows=rows))


def alerts_page(unit: UnitOfWork, action: str, size: int, offset: int) -> list[Alert]:
    """Alerts that the actor's policies show, the newest first, with names."""
    rows = unit.all(
        "SELECT a.id, a.at, a.actor_role, u.name AS user_name, o.name AS org_name, a.object_kind, a.object_id,"
        " coalesce((a.detail->>'rows')::bigint, 0) AS rows,"
        " coalesce((a.detail->>'today')::bigint, (a.detail->>'rows')::bigint, 0) AS today"
        " FROM audit_entry a LEFT JOIN app_user u ON u.id = a.user_id LEFT JOIN organisation o ON o.id = a.org_id"
        " WHERE a.action = :action ORDER BY a.id DESC LIMIT :size OFFSET :offset",
        action=action,
        size=size,
        offset=offset,
    )
    return [Alert(**row._asdict()) for row in rows]


def count_alerts(unit: UnitOfWork, action: str, days: int | None = None) -> int:
    """How many there are of them, of the last days or in all."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM audit_entry WHERE action = :action AND (CAST(:days AS integer) IS NULL"
            " OR at > app_now() - make_interval(days => CAST(:days AS integer)))",
            action=action,
            days=days,
        )
    )
