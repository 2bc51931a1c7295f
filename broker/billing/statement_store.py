"""The only place with the statements' SQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Row, text

from broker.kernel.database import UnitOfWork

_AGED = """
WITH claim AS (  -- what returned debits left, from the day of the return until it is paid anew
  SELECT i.id, q.returned_on, CASE WHEN q.again_on <= :on THEN 0 ELSE q.cents END AS cents
  FROM invoice i CROSS JOIN LATERAL (SELECT * FROM returned_claim(i.id) OFFSET 0) q
  WHERE i.order_id IN (SELECT p.order_id FROM payment p WHERE p.state = 'returned') AND q.returned_on <= :on
), sold AS (
  SELECT i.id, i.buyer_id AS org, CASE WHEN i.kind = 'owner_invoice' AND i.role = 'agent_of_advertiser' THEN '467'
    ELSE '411' END AS account, i.due_on,
    CASE WHEN i.kind = 'deposit' THEN 0 ELSE i.total_cents - i.deposit_cents END - coalesce((
    SELECT sum(s.amount_cents) FROM receipt_share s JOIN receipt r ON r.id = s.receipt_id
    WHERE s.invoice_id = i.id AND r.received_on <= :on), 0) - coalesce((
    SELECT sum(c.set_off_cents) FROM invoice c WHERE c.corrects_id = i.id AND c.issued_on <= :on), 0) AS cents
  FROM invoice i WHERE (i.kind IN ('invoice', 'owner_invoice', 'claim')
    OR i.kind = 'fee' AND i.role = 'agent_of_advertiser' OR i.kind = 'deposit' AND i.id IN (SELECT id FROM claim))
    AND i.issued_on <= :on
), open AS (
  SELECT s.org, s.account, s.due_on, CASE WHEN c.id IS NULL THEN s.cents ELSE greatest(s.cents, 0) END AS cents
  FROM sold s LEFT JOIN claim c ON c.id = s.id
  UNION ALL  -- a transfer beyond the document pays its claim
  SELECT s.org, s.account, c.returned_on, c.cents + least(s.cents, 0) FROM sold s JOIN claim c ON c.id = s.id
  UNION ALL
  SELECT i.seller_id, CASE i.role WHEN 'principal' THEN '401' ELSE '467' END, i.due_on,
    CASE i.kind WHEN 'owner_credit' THEN -i.total_cents ELSE i.total_cents END
    - CASE WHEN i.role = 'agent_of_owner' THEN coalesce((SELECT f.total_cents FROM invoice f WHERE f.id = fee_on(i.id)),
        0) ELSE 0 END - coalesce((
    SELECT sum(l.amount_cents) FROM payout_line l JOIN payout p ON p.id = l.payout_id
    WHERE l.invoice_id = i.id AND l.live AND p.state = 'paid' AND p.paid_on <= :on), 0)
  FROM invoice i WHERE i.kind IN ('self_bill', 'owner_credit', 'owner_invoice') AND i.issued_on <= :on
  UNION ALL  -- as agent: what an owner credited its customer, and what we gave back of our fee
  SELECT CASE o.kind WHEN 'fee' THEN c.buyer_id ELSE c.seller_id END, '467', c.due_on,
    CASE o.kind WHEN 'fee' THEN c.total_cents ELSE -c.total_cents END - coalesce((
    SELECT sum(l.amount_cents) FROM payout_line l JOIN payout p ON p.id = l.payout_id
    WHERE l.invoice_id = c.id AND l.live AND p.state = 'paid' AND p.paid_on <= :on), 0)
  FROM invoice c JOIN invoice o ON o.id = c.corrects_id
  WHERE c.kind = 'credit_note' AND c.issued_on <= :on AND (o.kind = 'owner_invoice' OR o.kind = 'fee'
    AND o.role = 'agent_of_owner'))
SELECT coalesce(party_name(org), '') AS party, account,
  coalesce(sum(cents) FILTER (WHERE due_on >= :on), 0)::bigint AS not_due,
  coalesce(sum(cents) FILTER (WHERE :on - due_on BETWEEN 1 AND 30), 0)::bigint AS to_30,
  coalesce(sum(cents) FILTER (WHERE :on - due_on BETWEEN 31 AND 60), 0)::bigint AS to_60,
  coalesce(sum(cents) FILTER (WHERE :on - due_on BETWEEN 61 AND 90), 0)::bigint AS to_90,
  coalesce(sum(cents) FILTER (WHERE :on - due_on > 90), 0)::bigint AS older
FROM open WHERE cents <> 0 GROUP BY org, account ORDER BY account DESC, party, org
"""
_STATEMENT = """
SELECT m.code AS mailing, CAST(m.closed_at AT TIME ZONE 'Europe/Paris' AS date) AS day, s.sends, a.billable,
  coalesce(c.owner_micros, 0) AS owner_micros, coalesce(i.number, '') AS self_bill,
  (coalesce(i.net_cents, 0) - coalesce(f.net_cents, 0))::bigint AS net_cents,
  (coalesce(i.vat_cents, 0) - coalesce(f.vat_cents, 0))::bigint AS vat_cents,
  (coalesce(i.total_cents, 0) - coalesce(f.total_cents, 0))::bigint AS total_cents,
  coalesce((SELECT sum(k.total_cents) FROM invoice k WHERE k.corrects_id = i.id
    AND k.kind IN ('owner_credit', 'credit_note')), 0)::bigint
  - coalesce((SELECT sum(k.total_cents) FROM invoice k WHERE k.corrects_id = f.id AND k.kind = 'credit_note'),
    0)::bigint AS credited_cents, coalesce(p.code, '') AS payout, p.paid_on
FROM mailing m
LEFT JOIN settled_sends z ON z.mailing_id = m.id
CROSS JOIN LATERAL (SELECT coalesce(z.sends, (SELECT count(*) FROM send s WHERE s.dispatch_id = m.dispatch_id
  AND s.mailing_id = m.id AND NOT s.seed AND s.state IN ('accepted', 'refused', 'uncertain'))) AS sends) s
CROSS JOIN LATERAL (SELECT coalesce(sum(CASE kind WHEN 'bounce' THEN -sends ELSE sends END), 0)::bigint AS billable
  FROM accrual_sum a WHERE a.mailing_id = m.id) a
LEFT JOIN LATERAL share_of_mailing(m.id) c ON true
LEFT JOIN invoice i ON i.mailing_id = m.id AND i.kind IN ('self_bill', 'owner_invoice')
LEFT JOIN invoice f ON f.mailing_id = m.id AND f.kind = 'fee' AND f.role = 'agent_of_owner'
LEFT JOIN payout_line l ON l.invoice_id = i.id AND l.live LEFT JOIN payout p ON p.id = l.payout_id
WHERE m.owner_id = :owner AND m.kind <> 'own'
  AND CAST(m.closed_at AT TIME ZONE 'Europe/Paris' AS date) BETWEEN :first AND :last ORDER BY m.id
"""
_SENDS = """
SELECT m.code, s.position, s.state, s.outcome_at, s.bounced_at, s.price_micros, coalesce(a.gross, 0)::bigint AS gross,
  coalesce(c.owner_micros, 0) AS owner, coalesce(c.commission_micros, 0) AS commission
FROM mailing m CROSS JOIN LATERAL billed_positions(m.id) b (positions)
JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
LEFT JOIN LATERAL (
  SELECT CASE WHEN s.position <@ b.positions THEN s.price_micros ELSE 0 END AS gross) a ON true
LEFT JOIN LATERAL share_of_send(m.id, s.position) c ON a.gross > 0
WHERE m.kind <> 'own' AND NOT s.seed AND (:staff OR m.owner_id = :org)
  AND CAST(coalesce(m.closed_at, m.started_at) AT TIME ZONE 'Europe/Paris' AS date) BETWEEN :first AND :last
ORDER BY m.id, s.position
"""
# The system reads the rate where it is written, with the lines of the mailing; a front asks for the split, row by row.
_SENDS_WHOLE = """
SELECT m.code, s.position, s.state, s.outcome_at, s.bounced_at, s.price_micros, a.gross,
  CASE WHEN a.gross > 0 THEN a.gross - c.micros ELSE 0 END AS owner,
  CASE WHEN a.gross > 0 THEN c.micros ELSE 0 END AS commission
FROM mailing m CROSS JOIN LATERAL billed_positions(m.id) b (positions)
CROSS JOIN LATERAL (
  SELECT CASE WHEN count(commission_bp) = count(*) AND min(commission_bp) = max(commission_bp)
    THEN min(commission_bp) END AS bp FROM accrual_sum WHERE mailing_id = m.id AND kind = 'send') t
JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id
CROSS JOIN LATERAL (SELECT CASE WHEN s.position <@ b.positions THEN s.price_micros ELSE 0 END AS gross) a
CROSS JOIN LATERAL (SELECT CASE WHEN t.bp IS NULL AND a.gross > 0
  THEN (SELECT commission_micros FROM share_of_send(m.id, s.position))
  ELSE a.gross * t.bp * (s.position + 1) / 10000 - a.gross * t.bp * s.position / 10000 END AS micros) c
WHERE m.kind <> 'own' AND NOT s.seed AND (CAST(:owner AS bigint) IS NULL OR m.owner_id = :owner)
  AND CAST(coalesce(m.closed_at, m.started_at) AT TIME ZONE 'Europe/Paris' AS date) BETWEEN :first AND :last
ORDER BY m.id, s.position
"""


def aged(unit: UnitOfWork, on: date) -> list[Row[Any]]:
    """Open amounts by party, account and age."""
    return unit.all(_AGED.replace(":on", "CAST(:on AS date)"), on=on)


def moved(unit: UnitOfWork, first: date, last: date) -> dict[str, int]:
    """Account → debits minus credits of the VAT accounts within a period."""
    return _vat(unit, first, last)


def standing(unit: UnitOfWork, last: date) -> dict[str, int]:
    """The same up to a day."""
    return _vat(unit, date.min, last)


def _vat(unit: UnitOfWork, first: date, last: date) -> dict[str, int]:
    rows = unit.all(
        "SELECT p.account, sum(p.debit_cents - p.credit_cents)::bigint AS cents FROM ledger_entry e"
        " JOIN ledger_posting p ON p.entry_id = e.id"
        " WHERE e.day BETWEEN :first AND :last AND p.account LIKE '445%' GROUP BY p.account",
        first=first,
        last=last,
    )
    return {row.account: int(row.cents) for row in rows}


def statement(unit: UnitOfWork, owner_id: int, first: date, last: date) -> list[Row[Any]]:
    """An owner's mailings settled in a period, each with its documents."""
    return unit.all(_STATEMENT, owner=owner_id, first=first, last=last)


def sends(unit: UnitOfWork, first: date, last: date, owner_id: int | None = None) -> Iterator[Row[Any]]:
    """Every send of mailings settled (or else begun) in a period, read as a stream; who received it stays away.

    The system, and a worker for an owner's file (`owner_id`), read the rate where it is written; a front does not.
    """
    if unit.actor.role == "system" or owner_id is not None:
        statement, values = _SENDS_WHOLE, {"first": first, "last": last, "owner": owner_id}
    else:
        staff = unit.actor.role in ("broker", "accountant")
        statement, values = _SENDS, {"first": first, "last": last, "staff": staff, "org": unit.actor.org_id}
    yield from unit.session.execute(text(statement), values, execution_options={"yield_per": 5000})


def count_sends(unit: UnitOfWork, first: date, last: date, owner_id: int | None = None) -> int:
    """How many sends there are of them."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM mailing m JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id"
            " WHERE m.kind <> 'own' AND NOT s.seed AND (CAST(:owner AS bigint) IS NULL OR m.owner_id = :owner)"
            " AND CAST(coalesce(m.closed_at, m.started_at) AT TIME ZONE 'Europe/Paris' AS date)"
            " BETWEEN :first AND :last",
            first=first,
            last=last,
            owner=owner_id,
        )
    )


def count_documents(unit: UnitOfWork, first: date, last: date) -> int:
    """How many documents were issued in a period."""
    return int(
        unit.scalar("SELECT count(*) FROM invoice WHERE issued_on BETWEEN :first AND :last", first=first, last=last)
    )


def count_postings(unit: UnitOfWork, first: date, last: date) -> int:
    """How many postings stand in entries of a period."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id"
            " WHERE e.day BETWEEN :first AND :last",
            first=first,
            last=last,
        )
    )
