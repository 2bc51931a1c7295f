"""The only place with the reports' SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork

# Each of the three sums is read where it was written: sends from `send`, cents from the ledger's entries, cents from
# the documents. A settled mailing belongs to the day it was closed, another one to the period that is running.
_REPORT = """
SELECT m.code AS mailing, m.kind, m.closed_at IS NOT NULL AS settled,
       CAST(coalesce(m.closed_at, m.started_at, m.created_at) AT TIME ZONE 'Europe/Paris' AS date) AS day,
       coalesce(o.card_title, g.title, '') AS title,
       coalesce(party_name(m.owner_id), '') AS owner, coalesce(party_name(m.advertiser_id), '') AS advertiser,
       s.sends, s.bounced, s.uncertain, s.billable, s.sends_micros, x.other_micros, a.owner_micros, a.commission_micros,
       b.invoice, b.invoice_cents, b.bill AS self_bill, b.owner_cents, b.ledger_cents, m.contract_role AS role
FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id
LEFT JOIN rental_order o ON o.id = d.order_id
LEFT JOIN participation_send t ON t.id = d.participation_send_id
LEFT JOIN participation p ON p.id = t.participation_id
LEFT JOIN programme g ON g.id = p.programme_id
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE state IN ('accepted', 'refused', 'uncertain')) AS sends,
         count(*) FILTER (WHERE bounced_at IS NOT NULL) AS bounced,
         count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
         count(*) FILTER (WHERE state = 'accepted' AND (bounced_at IS NULL OR bounced_at > m.closed_at)) AS billable,
         coalesce(sum(price_micros) FILTER (
           WHERE state = 'accepted' AND (bounced_at IS NULL OR bounced_at > m.closed_at)), 0)::bigint AS sends_micros
  FROM send WHERE send.dispatch_id = m.dispatch_id AND send.mailing_id = m.id AND NOT seed) s
CROSS JOIN LATERAL (
  SELECT coalesce(owner_micros, 0) AS owner_micros, coalesce(commission_micros, 0) AS commission_micros
  FROM share_of_mailing(m.id)) a
CROSS JOIN LATERAL (
  SELECT coalesce(sum(gross_micros), 0)::bigint AS other_micros FROM accrual_sum
  WHERE accrual_sum.mailing_id = m.id AND kind NOT IN ('send', 'bounce')) x
CROSS JOIN LATERAL money_of_mailing(m.id) b
WHERE m.kind <> 'own' AND (:staff OR m.owner_id = :org)
  AND CASE WHEN m.closed_at IS NULL
           THEN CAST(coalesce(m.started_at, m.created_at) AT TIME ZONE 'Europe/Paris' AS date) <= :last
           ELSE CAST(m.closed_at AT TIME ZONE 'Europe/Paris' AS date) BETWEEN :first AND :last END
ORDER BY m.id
"""
# A line's sends are the accrued ones of its mailing that were not taken back before it was closed.
_BILLED = """
FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id JOIN mailing m ON m.id = l.mailing_id
JOIN accrual a ON a.dispatch_id = m.dispatch_id AND a.mailing_id = m.id AND a.kind = 'send'
JOIN send s ON s.dispatch_id = a.dispatch_id AND s.mailing_id = a.mailing_id AND s.position = a.position
WHERE i.number = :number AND l.line = :line AND (:staff OR i.seller_id = :org OR i.buyer_id = :org)
AND NOT EXISTS (SELECT 1 FROM accrual r WHERE r.dispatch_id = a.dispatch_id AND r.mailing_id = a.mailing_id
                AND r.position = a.position AND r.kind = 'bounce')
"""
# How the price is split is asked for the rows of the page alone; null for an advertiser.
_BILLED_PAGE = (
    "SELECT b.position, b.outcome_at, b.gross_micros, c.owner_micros, c.commission_micros FROM ("  # noqa: S608 - all ours
    " SELECT m.id AS mailing_id, s.position, s.outcome_at, a.gross_micros"
    + _BILLED
    + """
ORDER BY s.position LIMIT :size OFFSET :offset) b
LEFT JOIN LATERAL share_of_send(b.mailing_id, b.position) c ON true
ORDER BY b.position
"""
)
_BILLED_COUNT = "SELECT count(*)"


def report_rows(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """One row a mailing of the period that the actor may see."""
    return unit.all(_REPORT, first=first, last=last, **_sight(unit))


def billed_sends(unit: UnitOfWork, number: str, line: int, size: int, offset: int) -> list[Row[Any]]:
    """The sends behind an invoice line, by position."""
    return unit.all(
        _BILLED_PAGE,
        number=number,
        line=line,
        size=size,
        offset=offset,
        **_sight(unit),
    )


def count_billed(unit: UnitOfWork, number: str, line: int) -> int:
    """How many there are of them."""
    return int(unit.scalar(_BILLED_COUNT + _BILLED, number=number, line=line, **_sight(unit)))


def lines_of_send(unit: UnitOfWork, mailing_code: str, position: int) -> list[Row[Any]]:
    """(number, line) of the documents that bill a send, of those the actor may see."""
    return unit.all(
        "SELECT i.number, l.line FROM mailing m JOIN invoice_line l ON l.mailing_id = m.id"
        " JOIN invoice i ON i.id = l.invoice_id"
        " JOIN accrual a ON a.dispatch_id = m.dispatch_id AND a.mailing_id = m.id AND a.position = :position"
        " AND a.kind = 'send'"
        " WHERE m.code = :code AND (:staff OR i.seller_id = :org OR i.buyer_id = :org)"
        " AND NOT EXISTS (SELECT 1 FROM accrual r WHERE r.dispatch_id = a.dispatch_id AND r.mailing_id = m.id"
        " AND r.position = a.position AND r.kind = 'bounce') ORDER BY i.id, l.line",
        code=mailing_code,
        position=position,
        **_sight(unit),
    )


def _sight(unit: UnitOfWork) -> dict[str, object]:
    return {"staff": unit.actor.role in ("broker", "accountant", "system"), "org": unit.actor.org_id}
