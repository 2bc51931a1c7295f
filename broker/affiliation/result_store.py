"""The only place with the SQL of what participations brought."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork

_MAILED = """
 (SELECT count(*) FROM send s WHERE s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id AND s.state = 'accepted'
   AND NOT s.seed) AS mails,
 (SELECT count(*) FROM hit h WHERE h.mailing_id = m.id AND h.verdict = 'human') AS clicks,
 (SELECT count(*) FROM conversion c WHERE c.mailing_id = m.id AND c.kind <> 'click'
   AND c.state NOT IN ('refused', 'declined')) AS conversions,
 (SELECT coalesce(sum(c.price_micros), 0)::bigint FROM conversion c WHERE c.mailing_id = m.id
   AND c.state NOT IN ('refused', 'declined')) AS paid
"""
_RESULTS = (
    "SELECT p.code AS participation, coalesce(party_name(p.owner_id), '') AS owner_name, sum(r.mails)::bigint AS mails,"  # noqa: S608
    " sum(r.clicks)::bigint AS clicks, sum(r.conversions)::bigint AS conversions,"
    " (sum(r.paid) + sum(r.mails * m.price_micros))::bigint AS cost_micros"
    " FROM participation p JOIN programme g ON g.id = p.programme_id"
    " JOIN participation_send t ON t.participation_id = p.id JOIN dispatch d ON d.participation_send_id = t.id"
    f" JOIN mailing m ON m.dispatch_id = d.id CROSS JOIN LATERAL (SELECT {_MAILED}) r"
    " WHERE g.code = :programme AND (:staff OR p.owner_id = :org OR p.advertiser_id = :org)"
    " GROUP BY p.id ORDER BY p.id"
)
_SENDS = (
    f"SELECT t.code, r.mails, r.clicks, r.conversions, r.paid + r.mails * m.price_micros AS cost_micros"  # noqa: S608
    " FROM participation_send t JOIN participation p ON p.id = t.participation_id"
    f" JOIN dispatch d ON d.participation_send_id = t.id JOIN mailing m ON m.dispatch_id = d.id"
    f" CROSS JOIN LATERAL (SELECT {_MAILED}) r"
    " WHERE p.code = :participation AND (:staff OR p.owner_id = :org OR p.advertiser_id = :org)"
)


def results_of(unit: UnitOfWork, programme_code: str) -> list[Row[Any]]:
    """participation, owner_name, mails, clicks, conversions, cost_micros of each participation with a mailing."""
    return unit.all(_RESULTS, programme=programme_code, **unit.sight)


def results_of_sends(unit: UnitOfWork, participation_code: str) -> dict[str, Row[Any]]:
    """mails, clicks, conversions, cost_micros of each send of a participation that has a mailing."""
    return {row.code: row for row in unit.all(_SENDS, participation=participation_code, **unit.sight)}
