"""The queries of retention, as the worker's role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from broker.kernel.database import UnitOfWork

# The latest sign of life of each contact that may be silent. A contact without any consent or event counts from the
# import that brought it: nobody is erased for want of a date. Hits and messages hang on sends.
_SILENT = """
CREATE TEMP TABLE silent ON COMMIT DROP AS
WITH old AS (
  SELECT c.id, c.relation, greatest(c.consent_at, r.created_at,
    (SELECT max(p.day)::timestamptz FROM purchase p WHERE p.base_id = c.base_id AND p.contact_id = c.id)) AS heard
  FROM contact c JOIN import_run r ON r.id = c.import_id
  WHERE c.base_id = :base AND c.sealed IS NOT NULL
), quiet AS (
  SELECT * FROM old WHERE heard <= app_now() - make_interval(months => :months) + make_interval(days => :days)
), reacted AS (
  SELECT s.contact_id, max(e.at) AS at FROM (
    SELECT dispatch_id, mailing_id, position, at FROM hit
    WHERE verdict = 'human' AND at > app_now() - make_interval(months => :months)
    UNION ALL SELECT dispatch_id, mailing_id, position, received_at FROM inbound
    WHERE kind IN ('other', 'unsubscribe') AND dispatch_id IS NOT NULL
      AND received_at > app_now() - make_interval(months => :months)
  ) e JOIN mailing m ON m.id = e.mailing_id AND m.base_id = :base
  JOIN send s ON s.dispatch_id = e.dispatch_id AND s.mailing_id = e.mailing_id AND s.position = e.position
  WHERE s.contact_id IS NOT NULL GROUP BY s.contact_id
)
SELECT q.id, q.relation,
  ((greatest(q.heard, r.at) + make_interval(months => :months)) AT TIME ZONE 'Europe/Paris')::date AS due_on
FROM quiet q LEFT JOIN reacted r ON r.contact_id = q.id
WHERE greatest(q.heard, r.at) <= app_now() - make_interval(months => :months) + make_interval(days => :days)
"""


@dataclass(frozen=True, slots=True)
class RetentionNotice:
    """What the owner is told: so many of a relation are erased on a day, and how many were."""

    base_code: str
    relation: str
    erase_on: date
    contacts: int
    erased: int


def bases(unit: UnitOfWork) -> list[tuple[int, str]]:
    """(id, code) of all bases."""
    return [(row.id, row.code) for row in unit.all("SELECT id, code FROM base ORDER BY id")]


def find_silent(unit: UnitOfWork, base_id: int, months: int, days: int) -> None:
    """Find who will have been silent for so many months in so many days: the table `silent` of this transaction."""
    unit.run("DROP TABLE IF EXISTS pg_temp.silent")
    unit.run(_SILENT, base=base_id, months=months, days=days)


def drop_revived(unit: UnitOfWork, base_id: int) -> int:
    """Take back the warnings of people who gave a sign of life since."""
    return unit.run(
        "DELETE FROM retention_warning w WHERE w.base_id = :base AND NOT EXISTS"
        " (SELECT 1 FROM silent s WHERE s.id = w.contact_id)",
        base=base_id,
    ).rowcount


def add_warnings(unit: UnitOfWork, base_id: int, today: date, days: int) -> int:
    """Announce the silent: erased when their time is over, and never before the warning's."""
    return unit.run(
        "INSERT INTO retention_warning (contact_id, base_id, relation, warned_on, erase_on)"
        " SELECT id, :base, relation, :today, greatest(due_on, CAST(:today AS date) + :days) FROM silent"
        " ON CONFLICT DO NOTHING",
        base=base_id,
        today=today,
        days=days,
    ).rowcount


def renew_notices(unit: UnitOfWork, base_id: int) -> None:
    """The owner's figures from the warnings: days to come are counted anew, days gone stay as they ended."""
    unit.run("UPDATE retention_notice SET contacts = 0, updated_at = app_now() WHERE base_id = :base", base=base_id)
    unit.run(
        "INSERT INTO retention_notice (base_id, relation, erase_on, contacts)"
        " SELECT base_id, relation, erase_on, count(*) FROM retention_warning WHERE base_id = :base GROUP BY 1, 2, 3"
        " ON CONFLICT (base_id, relation, erase_on) DO UPDATE SET contacts = excluded.contacts",
        base=base_id,
    )
    unit.run("DELETE FROM retention_notice WHERE base_id = :base AND contacts = 0 AND erased = 0", base=base_id)


def due(unit: UnitOfWork, base_id: int, today: date, most: int) -> list[int]:
    """Contacts whose day has come."""
    rows = unit.all(
        "SELECT contact_id FROM retention_warning WHERE base_id = :base AND erase_on <= :today"
        " ORDER BY contact_id LIMIT :most",
        base=base_id,
        today=today,
        most=most,
    )
    return [row.contact_id for row in rows]


def count_erased(unit: UnitOfWork, base_id: int, contact_ids: Sequence[int]) -> None:
    """Move people from the figure of those who wait to that of those who went."""
    unit.run(
        "UPDATE retention_notice n SET contacts = n.contacts - w.count, erased = n.erased + w.count,"
        " updated_at = app_now() FROM (SELECT relation, erase_on, count(*) AS count FROM retention_warning"
        "  WHERE contact_id = ANY(:ids) GROUP BY 1, 2) w"
        " WHERE n.base_id = :base AND n.relation = w.relation AND n.erase_on = w.erase_on",
        base=base_id,
        ids=list(contact_ids),
    )


def forget_warnings(unit: UnitOfWork, contact_ids: Sequence[int]) -> None:
    """Warnings that have been carried out."""
    unit.run("DELETE FROM retention_warning WHERE contact_id = ANY(:ids)", ids=list(contact_ids))


def notices(unit: UnitOfWork) -> list[RetentionNotice]:
    """What the actor's policies show, the nearest day first."""
    rows = unit.all(
        "SELECT b.code AS base_code, n.relation, n.erase_on, n.contacts, n.erased FROM retention_notice n"
        " JOIN base b ON b.id = n.base_id ORDER BY n.erase_on, b.code, n.relation LIMIT 500"
    )
    return [RetentionNotice(**row._mapping) for row in rows]
