"""The queries behind reports of mailings; what is shown to whom is said by the functions of the database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork
from broker.mailings.rates import PastMailing


def figures(unit: UnitOfWork, mailing_id: int) -> dict[str, Any]:
    """Clicks, returned mail, opt-outs, money and variants of a mailing, as of now."""
    found: dict[str, Any] | None = unit.scalar("SELECT figures_of_mailing(:id)", id=mailing_id)
    return found or {}


def shares(unit: UnitOfWork, mailing_id: int) -> tuple[int | None, int | None]:
    """(owner's, broker's part) in micros; None for whom it is not."""
    row = unit.one("SELECT * FROM share_of_mailing(:id)", id=mailing_id)
    return (None, None) if row is None else (row.owner_micros, row.commission_micros)


def study(unit: UnitOfWork, mailing_id: int) -> tuple[datetime, dict[str, Any]] | None:
    """(when, body) of what a worker found in the list; guarded for an advertiser."""
    row = unit.one("SELECT * FROM study_of_mailing(:id)", id=mailing_id)
    return None if row is None else (row.studied_at, row.body)


def past_mailings(unit: UnitOfWork, mailing_id: int, most: int) -> list[PastMailing]:
    """Earlier mailings of the base, of the same kind, that the actor may see; the last first."""
    rows = unit.all("SELECT * FROM past_mailings(:id, :most)", id=mailing_id, most=most)
    return [
        PastMailing(
            row.code, row.ended_at, row.same_card, row.sent, row.accepted, row.bounced, row.clickers, row.opt_outs,
            row.complaints,
        )
        for row in rows
    ]  # fmt: skip


def title_of(unit: UnitOfWork, dispatch_id: int) -> str:
    """What a mailing is called: its card, its programme, an owner's own name for it; empty where none is shown."""
    return titles_of(unit, [dispatch_id]).get(dispatch_id, "")


def titles_of(unit: UnitOfWork, dispatch_ids: Sequence[int]) -> dict[int, str]:
    """The same of several, by dispatch."""
    rows = unit.all(
        "SELECT d.id, coalesce(o.card_title, g.title, (SELECT w.name FROM mailing m"
        "  JOIN own_part t ON t.mailing_id = m.id JOIN own_run r ON r.id = t.run_id"
        "  JOIN own_mailing w ON w.id = r.own_mailing_id WHERE m.dispatch_id = d.id LIMIT 1)) AS title"
        " FROM dispatch d LEFT JOIN rental_order o ON o.id = d.order_id"
        " LEFT JOIN participation_send s ON s.id = d.participation_send_id"
        " LEFT JOIN participation p ON p.id = s.participation_id LEFT JOIN programme g ON g.id = p.programme_id"
        " WHERE d.id = ANY(:ids)",
        ids=list(dispatch_ids),
    )
    return {row.id: row.title for row in rows if row.title}


def sends_to_study(unit: UnitOfWork, dispatch_id: int, mailing_id: int, low: int, high: int) -> list[tuple[Any, ...]]:
    """(position, contact, key, delivered, bounced) of what was handed over at positions [low, high)."""
    return unit.driver.execute(
        "SELECT position, contact_id, contact_key, state = 'accepted' AND bounced_at IS NULL,"
        " state = 'refused' OR bounced_at IS NOT NULL FROM send"
        " WHERE dispatch_id = %s AND mailing_id = %s AND position >= %s AND position < %s AND NOT seed"
        " AND state IN ('accepted', 'refused', 'uncertain')",
        (dispatch_id, mailing_id, low, high),
    ).fetchall()


def last_position(unit: UnitOfWork, dispatch_id: int, mailing_id: int) -> int:
    """The highest position of a mailing, -1 without any."""
    found: int | None = unit.scalar(
        "SELECT max(position) FROM send WHERE dispatch_id = :dispatch AND mailing_id = :id",
        dispatch=dispatch_id,
        id=mailing_id,
    )
    return -1 if found is None else found


def reacted(unit: UnitOfWork, mailing_id: int) -> dict[str, set[int]]:
    """Positions of those who clicked, left (the base or everything) and complained."""
    rows = unit.all(
        "SELECT DISTINCT 'clickers' AS what, position FROM hit WHERE mailing_id = :id AND verdict = 'human'"
        " UNION ALL SELECT DISTINCT 'left', position FROM opt_out WHERE mailing_id = :id AND scope <> 'advertiser'"
        " UNION ALL SELECT DISTINCT 'complained', position FROM inbound"
        " WHERE mailing_id = :id AND kind = 'complaint' AND position IS NOT NULL",
        id=mailing_id,
    )
    found: dict[str, set[int]] = {"clickers": set(), "left": set(), "complained": set()}
    for row in rows:
        found[row.what].add(row.position)
    return found


def sealed(unit: UnitOfWork, contact_ids: Sequence[int]) -> list[tuple[int, int, bytes]]:
    """(contact, key version, sealed) of those who are still there."""
    rows = unit.driver.execute(
        "SELECT id, key_version, sealed FROM contact WHERE id = ANY(%s) AND sealed IS NOT NULL", (list(contact_ids),)
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def write_study(unit: UnitOfWork, mailing_id: int, body: Mapping[str, Any], guarded: Mapping[str, Any]) -> None:
    """Keep what was found, in place of what was found before."""
    unit.run(
        "INSERT INTO mailing_study AS s (mailing_id, body, guarded)"
        " VALUES (:id, CAST(:body AS jsonb), CAST(:guarded AS jsonb)) ON CONFLICT (mailing_id) DO UPDATE"
        " SET body = excluded.body, guarded = excluded.guarded, studied_at = app_now()",
        id=mailing_id,
        body=json.dumps(body),
        guarded=json.dumps(guarded),
    )


def mailings_under_way(unit: UnitOfWork) -> list[int]:
    """Mailings that are being sent, the gap between two waves included."""
    return [row.id for row in unit.all("SELECT id FROM mailing WHERE state = 'sending'")]


def mailings_to_study(unit: UnitOfWork) -> list[int]:
    """Mailings whose study is to be made or renewed: each quarter of an hour while sent, each day for nine days."""
    rows = unit.all(
        "SELECT m.id FROM mailing m LEFT JOIN mailing_study s ON s.mailing_id = m.id"
        " WHERE m.started_at < app_now() - interval '5 minutes' AND ("
        "  (m.state IN ('sending', 'paused')"
        "    AND coalesce(s.studied_at, m.started_at) < app_now() - interval '15 minutes')"
        "  OR (m.state IN ('sent', 'cancelled') AND m.ended_at > app_now() - interval '9 days' AND ("
        "    s.studied_at IS NULL OR s.studied_at < app_now() - interval '1 day' OR ("
        "      s.studied_at < m.ended_at + interval '1 hour' AND app_now() > m.ended_at + interval '1 hour'))))"
    )
    return [row.id for row in rows]


def reports_due(unit: UnitOfWork, days: int) -> list[int]:
    """Ended mailings for others that owe their report: the figures are final, or the month is nearly over."""
    rows = unit.all(
        "SELECT m.id FROM mailing m WHERE m.kind IN ('rental', 'affiliate') AND m.started_at IS NOT NULL"
        " AND m.ended_at IS NOT NULL AND m.state IN ('sent', 'cancelled')"
        " AND (m.closed_at IS NOT NULL OR m.ended_at < app_now() - make_interval(days => :days))"
        " AND NOT EXISTS (SELECT 1 FROM legal_report r WHERE r.mailing_id = m.id)",
        days=days,
    )
    return [row.id for row in rows]


def report_facts(unit: UnitOfWork, mailing_id: int) -> Row[Any] | None:
    """Names, dates and sums that a report to the advertiser states."""
    return unit.one(
        "SELECT m.code, m.kind, m.state, m.price_micros, m.started_at, m.ended_at, m.closed_at, m.owner_id,"
        " m.advertiser_id, m.contract_role, o.name AS owner_name, o.siren AS owner_siren, a.name AS advertiser_name,"
        " a.siren AS advertiser_siren, b.name AS base_name, c.name AS creative_name, c.subject, m.content_hash,"
        " r.code AS order_code, r.card_title,"
        " (SELECT coalesce(sum(x.gross_micros), 0)::bigint FROM accrual_sum x WHERE x.mailing_id = m.id"
        "   AND x.kind <> 'charge') AS gross_micros,"
        " (SELECT coalesce(sum(CASE x.kind WHEN 'send' THEN x.sends WHEN 'bounce' THEN -x.sends END), 0)::bigint"
        "   FROM accrual_sum x WHERE x.mailing_id = m.id) AS billable"
        " FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id JOIN base b ON b.id = m.base_id"
        " JOIN organisation o ON o.id = m.owner_id JOIN organisation a ON a.id = m.advertiser_id"
        " JOIN creative c ON c.id = m.creative_id LEFT JOIN rental_order r ON r.id = d.order_id WHERE m.id = :id",
        id=mailing_id,
    )


def add_report(
    unit: UnitOfWork, code: str, mailing_id: int, parties: tuple[int, int], body: Mapping[str, Any], due_on: date
) -> bool:
    """Keep a report to the advertiser; False when there is one already."""
    done = unit.run(
        "INSERT INTO legal_report (code, mailing_id, owner_id, advertiser_id, body, due_on)"
        " VALUES (:code, :id, :owner, :advertiser, CAST(:body AS jsonb), :due) ON CONFLICT DO NOTHING",
        code=code,
        id=mailing_id,
        owner=parties[0],
        advertiser=parties[1],
        body=json.dumps(body),
        due=due_on,
    )
    return done.rowcount == 1


def reports_shown(unit: UnitOfWork) -> list[Row[Any]]:
    """(code, body, due_on, made_at, read_at) that the actor may see, the newest first."""
    return unit.all("SELECT code, mailing_id, body, due_on, made_at, read_at FROM legal_reports_shown()")


def note_read(unit: UnitOfWork, code: str) -> None:
    """That the advertiser opened its report."""
    unit.run("SELECT note_legal_report_read(:code)", code=code)
