"""The queries of results: what happened to contacts, and what their owner is told of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.feedback.results_model import Found, ObjectionHash, Result, ResultKind, ResultSum
from broker.kernel.database import UnitOfWork

_NEW = (
    " AND NOT EXISTS (SELECT 1 FROM owner_result r WHERE r.base_id = :base AND r.contact_id = e.contact_id"
    " AND r.kind = e.kind AND coalesce(r.mailing_id, 0) = coalesce(e.mailing_id, 0) AND r.detail = e.detail)"
)
# What happened since :since, in the owner's words. A bounce is told when it was read, with its verdict and reason.
_EVENTS = """
WITH own AS MATERIALIZED (SELECT id, dispatch_id FROM mailing WHERE base_id = :base),
event AS (
  SELECT s.contact_id, h.mailing_id, 'clicked' AS kind, '' AS detail, min(h.at) AS at
  FROM own m JOIN hit h ON h.mailing_id = m.id
  JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND s.position = h.position AND NOT s.seed
  WHERE h.verdict = 'human' AND h.at > :since GROUP BY 1, 2
  UNION ALL
  SELECT s.contact_id, i.mailing_id, CASE i.kind WHEN 'bounce' THEN 'bounced' ELSE 'complained' END,
    CASE i.kind WHEN 'bounce' THEN concat_ws(' ', i.verdict, i.reason, i.status) ELSE coalesce(i.reason, '') END,
    min(i.read_at)
  FROM own m JOIN inbound i ON i.mailing_id = m.id
  JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND s.position = i.position AND NOT s.seed
  WHERE i.read_at > :since AND (i.kind = 'complaint' OR (i.kind = 'bounce' AND s.bounced_at IS NOT NULL))
  GROUP BY 1, 2, 3, 4
  UNION ALL
  SELECT c.id, m.id, 'left', x.scope, x.at
  FROM suppression x JOIN contact c ON c.contact_key = x.contact_key AND c.base_id = :base
  LEFT JOIN own m ON m.id =
    CASE WHEN x.evidence ~ '^send [0-9]+/[0-9]+/' THEN split_part(x.evidence, '/', 2)::bigint END
  WHERE x.at > :since AND x.reason IN ('opt_out', 'objection', 'complaint')
    AND (x.scope = 'everywhere' OR (x.scope = 'base' AND x.base_id = :base)
         OR (x.scope = 'advertiser' AND m.id IS NOT NULL))
)
SELECT e.contact_id, e.mailing_id, e.kind, e.detail, e.at, c.key_version, c.sealed
FROM event e JOIN contact c ON c.id = e.contact_id AND c.base_id = :base AND c.sealed IS NOT NULL
WHERE true
"""
_SENT = """
SELECT e.contact_id, :mailing AS mailing_id, CASE WHEN e.state = 'accepted' THEN 'sent' ELSE 'bounced' END AS kind,
  CASE WHEN e.state = 'accepted' THEN ''
    ELSE concat_ws(' ', 'refused', substring(e.reply FROM '[245][.][0-9]{1,3}[.][0-9]{1,3}')) END AS detail,
  e.outcome_at AS at, c.key_version, c.sealed, e.position
FROM send e JOIN contact c ON c.id = e.contact_id AND c.sealed IS NOT NULL
WHERE e.dispatch_id = :dispatch AND e.mailing_id = :mailing AND e.position > :after AND NOT e.seed
  AND e.state IN ('accepted', 'refused') ORDER BY e.position LIMIT :most
"""


def bases_with_contacts(unit: UnitOfWork) -> list[int]:
    """Bases of which something may be told."""
    rows = unit.all("SELECT b.id FROM base b WHERE b.current_snapshot_id IS NOT NULL ORDER BY b.id")
    return [row.id for row in rows]


def lock_place(unit: UnitOfWork, base_id: int) -> datetime | None:
    """Up to when a base's results were collected, its row locked; None the first time."""
    row = unit.one("SELECT until FROM result_place WHERE base_id = :base FOR UPDATE", base=base_id)
    return None if row is None else row.until


def move_place(unit: UnitOfWork, base_id: int, until: datetime) -> None:
    """Remember how far the collection came."""
    unit.run(
        "INSERT INTO result_place (base_id, until) VALUES (:base, :until)"
        " ON CONFLICT (base_id) DO UPDATE SET until = excluded.until",
        base=base_id,
        until=until,
    )


def events(unit: UnitOfWork, base_id: int, since: datetime) -> list[Found]:
    """What happened since then and was not told yet."""
    rows = unit.all(_EVENTS + _NEW, base=base_id, since=since)
    return [_found(row) for row in rows]


def untold_mailings(unit: UnitOfWork, base_id: int, since: datetime) -> list[Row[Any]]:
    """(id, dispatch_id, after) of mailings that ended since then and whose sends were not all told."""
    return unit.all(
        "SELECT m.id, m.dispatch_id, coalesce(told.position, -1) AS after FROM mailing m"
        " CROSS JOIN LATERAL (SELECT max(s.position) AS position FROM send s WHERE s.dispatch_id = m.dispatch_id"
        "   AND s.mailing_id = m.id AND NOT s.seed AND s.state = 'accepted') last"
        " LEFT JOIN LATERAL (SELECT max(s.position) AS position FROM send s JOIN owner_result r"
        "   ON r.base_id = :base AND r.contact_id = s.contact_id AND r.kind = 'sent' AND r.mailing_id = m.id"
        "   WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND NOT s.seed) told ON true"
        " WHERE m.base_id = :base AND m.state = 'sent' AND m.ended_at > :since AND last.position IS NOT NULL"
        " AND coalesce(told.position, -1) < last.position",
        base=base_id,
        since=since,
    )


def sends_of(unit: UnitOfWork, mailing: Row[Any], after: int, most: int) -> tuple[list[Found], int]:
    """Up to `most` sends beyond a position, and the last position read (`after` when there is none)."""
    rows = unit.all(_SENT, dispatch=mailing.dispatch_id, mailing=mailing.id, after=after, most=most)
    return [_found(row) for row in rows], rows[-1].position if rows else after


def _found(row: Row[Any]) -> Found:
    return Found(row.contact_id, row.mailing_id, row.kind, row.detail, row.at, row.key_version, bytes(row.sealed))


def write(unit: UnitOfWork, org_id: int, base_id: int, rows: Iterable[tuple[Found, str]]) -> int:
    """Write results with their references; told before, they are not told again. How many are new."""
    found = list(rows)
    return unit.run(
        "INSERT INTO owner_result (org_id, base_id, mailing_id, contact_id, kind, detail, reference, at)"
        " SELECT :org, :base, * FROM unnest(CAST(:mailings AS bigint[]), CAST(:contacts AS bigint[]),"
        " CAST(:kinds AS text[]), CAST(:details AS text[]), CAST(:references AS text[]),"
        " CAST(:moments AS timestamptz[]))"
        " ON CONFLICT DO NOTHING",
        org=org_id,
        base=base_id,
        mailings=[one.mailing_id for one, _ in found],
        contacts=[one.contact_id for one, _ in found],
        kinds=[one.kind for one, _ in found],
        details=[one.detail for one, _ in found],
        references=[reference for _, reference in found],
        moments=[one.at for one, _ in found],
    ).rowcount


def base_named(unit: UnitOfWork, base_id: int) -> Row[Any] | None:
    """(org_id, code) of a base."""
    return unit.one("SELECT org_id, code FROM base WHERE id = :base", base=base_id)


def results_of(unit: UnitOfWork, *, after: int, base: str, mailing: str, kind: str, most: int) -> list[Result]:
    """The actor's results beyond `after`, in the order in which they became known; empty words ask for all."""
    rows = unit.all(
        "SELECT r.id, b.code AS base, coalesce(m.code, '') AS mailing, r.kind, r.reference, r.detail, r.at"
        " FROM owner_result r JOIN base b ON b.id = r.base_id LEFT JOIN mailing m ON m.id = r.mailing_id"
        " WHERE r.org_id = :org AND r.id > :after AND (:base = '' OR b.code = :base)"
        " AND (:mailing = '' OR m.code = :mailing) AND (:kind = '' OR r.kind = :kind) ORDER BY r.id LIMIT :most",
        org=unit.actor.org,
        after=after,
        base=base,
        mailing=mailing,
        kind=kind,
        most=most,
    )
    return [Result(**row._mapping) for row in rows]


def sums_of(unit: UnitOfWork, base: str, most: int) -> list[ResultSum]:
    """How many of each kind, a row a mailing, those with the newest results first."""
    rows = unit.all(
        "SELECT b.code AS base, b.name AS base_name, coalesce(m.code, '') AS mailing,"
        " count(*) FILTER (WHERE r.kind = 'sent') AS sent, count(*) FILTER (WHERE r.kind = 'bounced') AS bounced,"
        " count(*) FILTER (WHERE r.kind = 'clicked') AS clicked, count(*) FILTER (WHERE r.kind = 'left') AS left,"
        " count(*) FILTER (WHERE r.kind = 'complained') AS complained, max(r.at) AS last_at"
        " FROM owner_result r JOIN base b ON b.id = r.base_id LEFT JOIN mailing m ON m.id = r.mailing_id"
        " WHERE r.org_id = :org AND (:base = '' OR b.code = :base) GROUP BY b.code, b.name, m.code"
        " ORDER BY last_at DESC, mailing LIMIT :most",
        org=unit.actor.org,
        base=base,
        most=most,
    )
    return [ResultSum(**row._mapping) for row in rows]


def last_id(unit: UnitOfWork, org_id: int) -> int:
    """The newest result's number of an organisation; 0 without any."""
    return int(unit.scalar("SELECT coalesce(max(id), 0) FROM owner_result WHERE org_id = :org", org=org_id))


def objecting(unit: UnitOfWork, base_id: int, since: datetime) -> list[Row[Any]]:
    """(advertiser_id, at, contact_id, key_version, sealed) of people of a base who objected to an advertiser."""
    return unit.all(
        "SELECT x.advertiser_id, x.at, c.id AS contact_id, c.key_version, c.sealed FROM suppression x"
        " JOIN contact c ON c.contact_key = x.contact_key AND c.base_id = :base AND c.sealed IS NOT NULL"
        " WHERE x.scope = 'advertiser' AND x.reason IN ('opt_out', 'objection') AND x.at > :since",
        base=base_id,
        since=since,
    )


def write_hashes(unit: UnitOfWork, rows: Sequence[tuple[int, bytes, bytes, datetime]]) -> int:
    """(advertiser, SHA-256, MD5, at) of objections; known ones are passed over. How many are new."""
    return unit.run(
        "INSERT INTO objection_hash (org_id, sha256, md5, at)"
        " SELECT * FROM unnest(CAST(:orgs AS bigint[]), CAST(:sha256 AS bytea[]), CAST(:md5 AS bytea[]),"
        " CAST(:moments AS timestamptz[])) ON CONFLICT DO NOTHING",
        orgs=[org for org, _, _, _ in rows],
        sha256=[sha256 for _, sha256, _, _ in rows],
        md5=[md5 for _, _, md5, _ in rows],
        moments=[at for _, _, _, at in rows],
    ).rowcount


def hashes_of(unit: UnitOfWork, after: int, most: int) -> list[ObjectionHash]:
    """The actor's hashes beyond `after`."""
    rows = unit.all(
        "SELECT id, encode(sha256, 'hex') AS sha256, encode(md5, 'hex') AS md5, at FROM objection_hash"
        " WHERE org_id = :org AND id > :after ORDER BY id LIMIT :most",
        org=unit.actor.org,
        after=after,
        most=most,
    )
    return [ObjectionHash(**row._mapping) for row in rows]


def forget(unit: UnitOfWork, before: datetime) -> int:
    """Forget results and hashes that happened before this time; how many."""
    gone = unit.run("DELETE FROM owner_result WHERE at < :before", before=before).rowcount
    return gone + unit.run("DELETE FROM objection_hash WHERE at < :before", before=before).rowcount


def kinds_counted(unit: UnitOfWork, org_id: int, after: int) -> dict[ResultKind, int]:
    """How many of each kind an organisation got beyond `after`."""
    rows = unit.all(
        "SELECT kind, count(*) AS n FROM owner_result WHERE org_id = :org AND id > :after GROUP BY kind",
        org=org_id,
        after=after,
    )
    return {row.kind: row.n for row in rows}
