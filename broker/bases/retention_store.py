"""The queries of retention, as the worker's role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from broker.kernel.database import UnitOfWork

# The latest sign of life of each contact that may be silent, and of what kind it was. A contact without any counts from
# the day it was first seen: nobody is erased for want of a date, and no refresh of a file keeps anybody for ever.
# Clicks and messages hang on sends.
_SILENT = """
CREATE TEMP TABLE silent ON COMMIT DROP AS
WITH known AS (
  SELECT c.id, c.relation, c.first_seen, c.consent_at,
    (SELECT max(p.day)::timestamptz FROM purchase p WHERE p.base_id = c.base_id AND p.contact_id = c.id) AS bought_at,
    (SELECT max(v.day)::timestamptz FROM visit v WHERE v.base_id = c.base_id AND v.contact_id = c.id) AS came_at,
    make_interval(months => CASE c.relation WHEN 'customer' THEN :customers ELSE :prospects END) AS kept
  FROM contact c WHERE c.base_id = :base AND c.sealed IS NOT NULL
), quiet AS (
  SELECT *, greatest(consent_at, bought_at, came_at) AS heard FROM known
  WHERE coalesce(greatest(consent_at, bought_at, came_at), first_seen)
    <= app_now() - kept + make_interval(days => :days)
), reacted AS (
  SELECT s.contact_id, max(e.at) FILTER (WHERE e.kind = 'click') AS clicked_at,
    max(e.at) FILTER (WHERE e.kind = 'message') AS wrote_at
  FROM (
    SELECT dispatch_id, mailing_id, position, at, 'click' AS kind FROM hit WHERE verdict = 'human'
    UNION ALL SELECT dispatch_id, mailing_id, position, received_at, 'message' FROM inbound
    WHERE kind IN ('other', 'unsubscribe') AND dispatch_id IS NOT NULL
  ) e JOIN mailing m ON m.id = e.mailing_id AND m.base_id = :base
  JOIN send s ON s.dispatch_id = e.dispatch_id AND s.mailing_id = e.mailing_id AND s.position = e.position
  WHERE s.contact_id IS NOT NULL GROUP BY s.contact_id
), latest AS (
  SELECT q.*, r.clicked_at, r.wrote_at, greatest(q.heard, r.clicked_at, r.wrote_at) AS last_at
  FROM quiet q LEFT JOIN reacted r ON r.contact_id = q.id
)
SELECT id, relation, ((coalesce(last_at, first_seen) + kept) AT TIME ZONE 'Europe/Paris')::date AS due_on,
  CASE last_at WHEN wrote_at THEN 'message' WHEN clicked_at THEN 'click' WHEN bought_at THEN 'purchase'
    WHEN came_at THEN 'visit' WHEN consent_at THEN 'consent' ELSE 'import' END AS last_kind
FROM latest WHERE coalesce(last_at, first_seen) <= app_now() - kept + make_interval(days => :days)
"""
KINDS = ("purchase", "visit", "click", "message", "consent", "import")


@dataclass(frozen=True, slots=True)
class RetentionNotice:
    """What the owner is told: so many of a relation are erased on a day, and how many were."""

    base_code: str
    relation: str
    erase_on: date
    contacts: int
    erased: int


@dataclass(frozen=True, slots=True)
class RetentionForecast:
    """How many of a relation whose last sign was of this kind are erased on a day, unless something is heard."""

    relation: str
    last_kind: str
    erase_on: date
    contacts: int


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """What one night's job did in a base."""

    ran_at: datetime
    customer_months: int
    prospect_months: int
    contacts: int
    warned: int
    revived: int
    erased: int
    waiting: int


def bases(unit: UnitOfWork) -> list[tuple[int, str]]:
    """(id, code) of all bases."""
    return [(row.id, row.code) for row in unit.all("SELECT id, code FROM base ORDER BY id")]


def find_silent(unit: UnitOfWork, base_id: int, customers: int, prospects: int, days: int) -> None:
    """Find who will have been silent for so many months (by relation) in so many days: the table `silent` of this
    transaction.
    """
    unit.run("DROP TABLE IF EXISTS pg_temp.silent")
    unit.run(_SILENT, base=base_id, customers=customers, prospects=prospects, days=days)


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
        "INSERT INTO retention_warning (contact_id, base_id, relation, warned_on, erase_on, last_kind)"
        " SELECT id, :base, relation, :today, greatest(due_on, CAST(:today AS date) + :days), last_kind FROM silent"
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


def renew_forecast(unit: UnitOfWork, base_id: int) -> None:
    """The same by the kind of the last sign of life, of those who wait."""
    unit.run("DELETE FROM retention_forecast WHERE base_id = :base", base=base_id)
    unit.run(
        "INSERT INTO retention_forecast (base_id, relation, last_kind, erase_on, contacts)"
        " SELECT base_id, relation, last_kind, erase_on, count(*) FROM retention_warning WHERE base_id = :base"
        " GROUP BY 1, 2, 3, 4",
        base=base_id,
    )


def count_contacts(unit: UnitOfWork, base_id: int) -> int:
    """People whose address is held."""
    return int(unit.scalar("SELECT count(*) FROM contact WHERE base_id = :base AND sealed IS NOT NULL", base=base_id))


def add_report(
    unit: UnitOfWork, base_id: int, customers: int, prospects: int, looked: int, warned: int, revived: int, erased: int
) -> None:
    """What this night's job did; who waits now is counted here."""
    unit.run(
        "INSERT INTO retention_report (base_id, customer_months, prospect_months, contacts, warned, revived, erased,"
        " waiting) SELECT :base, :customers, :prospects, :looked, :warned, :revived, :erased,"
        " (SELECT count(*) FROM retention_warning WHERE base_id = :base)",
        base=base_id,
        customers=customers,
        prospects=prospects,
        looked=looked,
        warned=warned,
        revived=revived,
        erased=erased,
    )


def forecast(unit: UnitOfWork, base_id: int) -> list[RetentionForecast]:
    """Who waits, by day, relation and kind of the last sign."""
    rows = unit.all(
        "SELECT relation, last_kind, erase_on, contacts FROM retention_forecast WHERE base_id = :base"
        " ORDER BY erase_on, relation, last_kind",
        base=base_id,
    )
    return [RetentionForecast(**row._mapping) for row in rows]


def notices_of(unit: UnitOfWork, base_id: int) -> list[RetentionNotice]:
    """What was announced for a base and what became of it, the latest day first."""
    rows = unit.all(
        "SELECT b.code AS base_code, n.relation, n.erase_on, n.contacts, n.erased FROM retention_notice n"
        " JOIN base b ON b.id = n.base_id WHERE n.base_id = :base ORDER BY n.erase_on DESC, n.relation LIMIT 200",
        base=base_id,
    )
    return [RetentionNotice(**row._mapping) for row in rows]


def reports(unit: UnitOfWork, base_id: int, most: int) -> list[RetentionReport]:
    """The last nights' reports, the newest first."""
    rows = unit.all(
        "SELECT ran_at, customer_months, prospect_months, contacts, warned, revived, erased, waiting"
        " FROM retention_report WHERE base_id = :base ORDER BY id DESC LIMIT :most",
        base=base_id,
        most=most,
    )
    return [RetentionReport(**row._mapping) for row in rows]


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
