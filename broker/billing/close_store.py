"""The only place with the SQL of closing a month: from `start` until before `end`, days of France."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row

from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.ledger.vat import OTHER_MEMBERS


def codes(unit: UnitOfWork, check: str, first: date, last: date, hours: int) -> list[str]:
    """What a check finds, by name; see CHECKS."""
    start, end = instants(first, last)
    values: dict[str, object] = {"first": first, "last": last, "start": start, "end": end, "hours": hours}
    values |= {"members": sorted(OTHER_MEMBERS)}
    statement = CHECKS[check]
    used = {name: value for name, value in values.items() if f":{name}" in statement}
    return [str(row[0]) for row in unit.all(statement, **used)]


# Check -> statement that names what is wrong, one row each. Their sentences stand in close_checks.py.
CHECKS = {
    "unequal": "SELECT * FROM unequal_mailings(:start, :end)",
    "sends_without_outcome": "SELECT DISTINCT m.code FROM mailing m JOIN send s ON s.dispatch_id = m.dispatch_id"
    " AND s.mailing_id = m.id WHERE m.kind <> 'own' AND m.closed_at IS NULL AND m.state <> 'planned'"
    " AND m.started_at < :end AND s.state IN ('claimed', 'attempting') ORDER BY m.code",
    "to_settle": "SELECT m.code FROM mailing m WHERE m.closed_at IS NULL AND m.kind <> 'own'"
    " AND m.state IN ('sent', 'cancelled', 'failed') AND coalesce(m.ended_at, m.started_at, m.created_at) < :end"
    " AND coalesce(m.ended_at, m.started_at, m.frozen_at, m.created_at) + make_interval(hours => :hours) <= app_now()"
    " ORDER BY m.id",
    "unmatched_payments": "SELECT r.code FROM receipt r WHERE r.received_on <= :last AND r.amount_cents >"
    " coalesce((SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.receipt_id = r.id), 0)"
    " + coalesce((SELECT l.explained_cents FROM bank_line l WHERE l.receipt_id = r.id), 0)"
    " + coalesce((SELECT sum(f.amount_cents - f.credit_cents) FROM refund f WHERE f.receipt_id = r.id"
    " AND f.state NOT IN ('failed', 'cancelled')), 0)"
    " UNION ALL SELECT code FROM bank_line WHERE kind = 'suspense' AND explained_account IS NULL AND booked_on <= :last"
    " ORDER BY 1",
    "suspense_left": "SELECT e.piece_ref FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id"
    " WHERE p.account = '471' AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.code = e.piece_ref)"
    " AND NOT EXISTS (SELECT 1 FROM bank_line l WHERE l.code = e.piece_ref)"
    " AND (SELECT sum(b.debit_cents - b.credit_cents) FROM ledger_balance b WHERE b.account = '471') <> 0"
    " GROUP BY e.piece_ref HAVING sum(p.debit_cents - p.credit_cents) <> 0 AND min(e.day) <= :last ORDER BY 1",
    "unbooked": "SELECT code FROM receipt WHERE booked_at IS NULL AND received_on <= :last"
    " UNION ALL SELECT r.code FROM receipt_share s JOIN receipt r ON r.id = s.receipt_id"
    " WHERE s.booked_at IS NULL AND r.received_on <= :last"
    " UNION ALL SELECT code FROM payout WHERE state = 'confirmed' AND paid_on <= :last"
    " OR state <> 'returned' AND returned_on <= :last"
    " UNION ALL SELECT code FROM refund WHERE state = 'confirmed' AND paid_on <= :last"
    " UNION ALL SELECT code FROM bank_line WHERE booked_on <= :last AND (kind IN ('fee', 'suspense') AND booked_at"
    " IS NULL OR explained_account IS NOT NULL AND explained_at IS NULL)"
    " UNION ALL SELECT p.code FROM payment p WHERE p.state = 'captured' AND NOT EXISTS"
    " (SELECT 1 FROM ledger_entry e WHERE e.idempotency_key = 'payment:' || p.code)"
    " UNION ALL SELECT i.number FROM invoice i WHERE i.issued_on BETWEEN :first AND :last AND i.total_cents > 0"
    " AND i.kind <> 'deposit' AND NOT EXISTS"
    " (SELECT 1 FROM ledger_entry e WHERE e.idempotency_key = 'invoice:' || i.number)",
    "unbalanced": "SELECT e.number FROM ledger_entry e JOIN ledger_posting p ON p.entry_id = e.id"
    " WHERE e.day BETWEEN :first AND :last GROUP BY e.number HAVING sum(p.debit_cents) <> sum(p.credit_cents)"
    " UNION ALL SELECT n.number FROM (SELECT number, lag(number) OVER (ORDER BY number) AS before FROM ledger_entry) n"
    " WHERE n.number <> n.before + 1 ORDER BY 1",
    "vat_left_waiting": "SELECT i.number FROM invoice i JOIN ledger_entry e ON e.idempotency_key ="
    " 'invoice:' || i.number JOIN ledger_posting p ON p.entry_id = e.id AND p.account = '44574'"
    " WHERE i.issued_on <= :last AND (SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.invoice_id = i.id"
    " AND s.booked_at IS NOT NULL) = i.total_cents - i.deposit_cents"
    " AND (SELECT sum(s.vat_cents) FROM receipt_share s WHERE s.invoice_id = i.id) <> p.credit_cents",
    "advance_left": "SELECT o.code FROM rental_order o JOIN payment y ON y.order_id = o.id AND y.state = 'captured'"
    " JOIN ledger_entry e ON e.idempotency_key = 'payment:' || y.code"
    " JOIN ledger_posting p ON p.entry_id = e.id AND p.account = '4191'"
    " LEFT JOIN ledger_match_line l ON l.entry_id = p.entry_id AND l.line = p.line"
    " WHERE o.state IN ('settled', 'cancelled') AND l.match_id IS NULL AND e.day <= :last ORDER BY o.id",
    "earlier_open": "SELECT DISTINCT to_char(date_trunc('month', e.day), 'YYYY-MM') FROM ledger_entry e"
    " WHERE e.day < :first AND coalesce((SELECT p.state FROM ledger_period p"
    " WHERE p.month = date_trunc('month', e.day)::date), 'open') = 'open' ORDER BY 1",
    "gateway_differs": "SELECT l.code FROM gateway_line l WHERE l.moved_on < :end AND l.booked_at IS NULL AND"
    " l.explained_account IS NULL AND l.amount_cents <> l.fee_cents AND l.kind NOT LIKE 'payout%'"
    " AND l.kind NOT LIKE '%reserve%' AND NOT EXISTS (SELECT 1 FROM gateway_movement m WHERE m.reference = l.reference)"
    " AND NOT EXISTS (SELECT 1 FROM payout p WHERE p.transfer_line = l.reference)"
    " AND NOT EXISTS (SELECT 1 FROM transfer_reversal r WHERE r.line = l.reference) ORDER BY l.id",
    "pending_payments": "SELECT code FROM payment WHERE state IN ('pending', 'processing') AND created_at < :end"
    " ORDER BY id",
    "in_freeze": "SELECT m.code FROM mailing m WHERE m.kind <> 'own' AND (m.closed_at IS NULL OR m.closed_at >="
    " :end) AND EXISTS (SELECT 1 FROM accrual_sum a WHERE a.mailing_id = m.id AND a.at < :end) ORDER BY m.id",
    "mandate_missing": "SELECT m.code FROM mailing m WHERE m.kind <> 'own' AND m.contract_role = 'principal'"
    " AND m.closed_at < :end AND NOT EXISTS (SELECT 1 FROM invoice i WHERE i.mailing_id = m.id AND i.kind ="
    " 'self_bill') AND EXISTS (SELECT 1 FROM invoice i WHERE i.mailing_id = m.id AND i.kind = 'invoice')"
    " AND (SELECT coalesce(a.owner_micros, 0) FROM share_of_mailing(m.id) a) >= 10000"
    " ORDER BY m.id",
    "contested": "SELECT i.number FROM invoice_contest c JOIN invoice i ON i.id = c.invoice_id"
    " WHERE c.state IN ('open', 'prepared', 'signed') AND i.issued_on <= :last ORDER BY i.id",
    "unlike_postings": "SELECT b.account FROM (SELECT account, org_id, month, debit_cents, credit_cents FROM"
    " ledger_balance WHERE month <= :last) b FULL JOIN (SELECT p.account, coalesce(p.org_id, 0) AS org_id,"
    " date_trunc('month', e.day)::date AS month, sum(p.debit_cents) AS debit_cents, sum(p.credit_cents) AS"
    " credit_cents FROM ledger_posting p JOIN ledger_entry e ON e.id = p.entry_id WHERE date_trunc('month', e.day)"
    " <= :last GROUP BY 1, 2, 3) p USING (account, org_id, month) WHERE b.debit_cents IS DISTINCT FROM p.debit_cents"
    " OR b.credit_cents IS DISTINCT FROM p.credit_cents ORDER BY 1",
    "unchecked_vat": "SELECT DISTINCT i.number FROM invoice i JOIN organisation o ON o.id = i.buyer_id"
    " WHERE i.kind IN ('invoice', 'fee') AND i.issued_on BETWEEN :first AND :last AND i.vat_bp = 0"
    " AND o.country = ANY (:members)"
    " AND NOT EXISTS (SELECT 1 FROM vat_answer v WHERE v.org_id = o.id AND v.valid AND v.vat_number ="
    " o.vat_number) ORDER BY 1",
}


def unbilled(unit: UnitOfWork, last: date) -> list[Row[Any]]:
    """Mailings with accruals of the month that are billed later, with their micros as of its end."""
    return unit.all(
        "SELECT m.code, m.owner_id, m.advertiser_id, m.contract_role, o.vat_bp, x.owner_micros,"
        " x.commission_micros FROM mailing m"
        " JOIN dispatch d ON d.id = m.dispatch_id LEFT JOIN rental_order o ON o.id = d.order_id"
        " JOIN (SELECT mailing_id, sum(owner_micros)::bigint AS owner_micros,"
        "  sum(commission_micros)::bigint AS commission_micros FROM accrued_between('-infinity', :end)"
        "  GROUP BY mailing_id) x ON x.mailing_id = m.id"
        " WHERE m.kind <> 'own' AND (m.closed_at IS NULL OR m.closed_at >= :end) AND x.owner_micros > 0"
        " ORDER BY m.id",
        end=instants(last, last)[1],
    )


def instants(first: date, last: date) -> tuple[datetime, datetime]:
    """The instants at which a span of days of France begins and is over."""
    return datetime.combine(first, time(), PARIS), datetime.combine(last + timedelta(days=1), time(), PARIS)


def insert_ask(unit: UnitOfWork, month: date, target: str) -> int:
    """Keep that somebody asked for a month to be closed."""
    return int(
        unit.scalar(
            "INSERT INTO ledger_close (month, target, asked_by) VALUES (:month, :target, :user) RETURNING id",
            month=month,
            target=target,
            user=unit.actor.user_id,
        )
    )


def ask(unit: UnitOfWork, close_id: int) -> Row[Any] | None:
    """(month, target, done) of an ask."""
    return unit.one("SELECT month, target, done_at IS NOT NULL AS done FROM ledger_close WHERE id = :id", id=close_id)


def asks(unit: UnitOfWork, month: date) -> list[Row[Any]]:
    """(target, asked_at, done_at, findings, checks_done) of a month's asks, the newest first."""
    return unit.all(
        "SELECT target, asked_at, done_at, findings, checks_done FROM ledger_close WHERE month = :month"
        " ORDER BY id DESC",
        month=month,
    )


def note_check(unit: UnitOfWork, close_id: int, done: int) -> None:
    """How many of the checks of an ask have been made."""
    unit.run("UPDATE ledger_close SET checks_done = :done WHERE id = :id", id=close_id, done=done)


def answer(unit: UnitOfWork, close_id: int, findings: list[dict[str, object]]) -> None:
    """Keep what was found when an ask was treated."""
    unit.run(
        "UPDATE ledger_close SET done_at = app_now(), findings = CAST(:findings AS jsonb) WHERE id = :id",
        id=close_id,
        findings=json.dumps(findings),
    )
