"""The only place with the reports' SQL."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork

# Each of the three sums is read where it was written: sends from `send` (of a settled mailing from what its settlement
# counted there, with the bounces since; a close counts again), cents from the ledger's entries, cents from the
# documents. A settled mailing belongs to the day it was closed, another one to the period that is running.
_REPORT = """
SELECT m.code AS mailing, m.kind, m.closed_at IS NOT NULL AS settled,
       CAST(coalesce(m.closed_at, m.started_at, m.created_at) AT TIME ZONE 'Europe/Paris' AS date) AS day,
       coalesce(o.card_title, g.title, '') AS title,
       coalesce(party_name(m.owner_id), '') AS owner, coalesce(party_name(m.advertiser_id), '') AS advertiser,
       coalesce(z.sends, s.sends) AS sends, coalesce(z.uncertain, s.uncertain) AS uncertain,
       coalesce(z.bounced + (
         SELECT count(*) FROM send l WHERE l.dispatch_id = m.dispatch_id AND l.mailing_id = m.id
           AND l.bounced_at IS NOT NULL AND l.bounced_at > m.closed_at AND NOT l.seed), s.bounced) AS bounced,
       coalesce(z.billable, s.billable) AS billable, coalesce(z.micros, s.micros) AS sends_micros,
       x.other_micros, a.owner_micros, a.commission_micros,
       b.invoice, b.invoice_cents, b.bill AS self_bill, b.owner_cents, b.ledger_cents, m.contract_role AS role
FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id
LEFT JOIN rental_order o ON o.id = d.order_id
LEFT JOIN participation_send t ON t.id = d.participation_send_id
LEFT JOIN participation p ON p.id = t.participation_id
LEFT JOIN programme g ON g.id = p.programme_id
LEFT JOIN settled_sends z ON z.mailing_id = m.id
CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE state IN ('accepted', 'refused', 'uncertain')) AS sends,
         count(*) FILTER (WHERE bounced_at IS NOT NULL) AS bounced,
         count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
         count(*) FILTER (WHERE state = 'accepted' AND (bounced_at IS NULL OR bounced_at > m.closed_at)) AS billable,
         coalesce(sum(price_micros) FILTER (
           WHERE state = 'accepted' AND (bounced_at IS NULL OR bounced_at > m.closed_at)), 0)::bigint AS micros
  FROM send WHERE send.dispatch_id = CASE WHEN z.mailing_id IS NULL THEN m.dispatch_id END  -- else none is read
    AND send.mailing_id = m.id AND NOT seed) s
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
CROSS JOIN LATERAL billed_positions(m.id) b (positions)
WHERE i.number = :number AND l.line = :line AND (:staff OR i.seller_id = :org OR i.buyer_id = :org)
"""
# Sends, prices and how these are split are asked for the rows of the page alone; the split is null for an advertiser.
_BILLED_PAGE = (
    "SELECT p.position, s.outcome_at, a.price_micros AS gross_micros, c.owner_micros, c.commission_micros FROM ("  # noqa: S608 - all ours
    " SELECT x.id, x.dispatch_id, q.position FROM (SELECT m.id, m.dispatch_id, b.positions"
    + _BILLED
    + """) x CROSS JOIN LATERAL unnest(x.positions) r
CROSS JOIN LATERAL generate_series(lower(r), upper(r) - 1) q (position)
ORDER BY q.position LIMIT :size OFFSET :offset) p
JOIN send s ON s.dispatch_id = p.dispatch_id AND s.mailing_id = p.id AND s.position = p.position
JOIN accrual_sum a ON a.kind = 'send' AND line_keys(a.mailing_id, a.kind, a.positions)
  && line_keys(p.id, 'send', int4multirange(int4range(p.position, p.position + 1)))
LEFT JOIN LATERAL share_of_send(p.id, p.position) c ON true
ORDER BY p.position
"""
)
_BILLED_COUNT = "SELECT coalesce(sum((run_sums(b.positions, 0, 0)).sends), 0)"


def report_rows(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """One row a mailing of the period that the actor may see."""
    return unit.all(_REPORT, first=first, last=last, **unit.sight)


def billed_sends(unit: UnitOfWork, number: str, line: int, size: int, offset: int) -> list[Row[Any]]:
    """The sends behind an invoice line, by position."""
    return unit.all(
        _BILLED_PAGE,
        number=number,
        line=line,
        size=size,
        offset=offset,
        **unit.sight,
    )


def count_billed(unit: UnitOfWork, number: str, line: int) -> int:
    """How many there are of them."""
    return int(unit.scalar(_BILLED_COUNT + _BILLED, number=number, line=line, **unit.sight))


def lines_of_send(unit: UnitOfWork, mailing_code: str, position: int) -> list[Row[Any]]:
    """(number, line) of the documents that bill a send, of those the actor may see."""
    return unit.all(
        "SELECT i.number, l.line FROM mailing m JOIN invoice_line l ON l.mailing_id = m.id"
        " JOIN invoice i ON i.id = l.invoice_id"
        " WHERE m.code = :code AND (:staff OR i.seller_id = :org OR i.buyer_id = :org)"
        " AND CAST(:position AS integer) <@ billed_positions(m.id) ORDER BY i.id, l.line",
        code=mailing_code,
        position=position,
        **unit.sight,
    )
