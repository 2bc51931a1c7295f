"""The only place with the SQL of refunds."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.billing.gateway.refund_model import Refund
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT r.id, r.code, r.org_id, coalesce(o.name, '') AS customer, coalesce(p.code, t.code) AS source,
  r.payment_id IS NOT NULL AS by_card, r.amount_cents, coalesce(i.number, '') AS invoice, r.credit_cents,
  coalesce(c.number, '') AS credit, r.reason, r.state, r.second, r.asked_by, coalesce(a.name, '') AS asked_by_name,
  coalesce(b.name, '') AS approved_by_name, r.asked_at, r.paid_on, r.problem,
  coalesce(left(r.iban, 4) || ' … ' || right(r.iban, 4), '') AS masked
FROM refund r JOIN organisation o ON o.id = r.org_id LEFT JOIN payment p ON p.id = r.payment_id
LEFT JOIN receipt t ON t.id = r.receipt_id LEFT JOIN invoice i ON i.id = r.invoice_id
LEFT JOIN invoice c ON c.id = r.credit_id LEFT JOIN app_user a ON a.id = r.asked_by
LEFT JOIN app_user b ON b.id = r.approved_by
"""
_LIVE = "r.state NOT IN ('failed', 'cancelled')"


def payment_to_refund(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """(id, code, order_id, advertiser_id, role, state, left_cents) of a payment by its code or its order's.

    Two requests for one order come one after another: what its credit notes owe is given back once.
    """
    row = unit.one(
        "SELECT p.id, p.code, p.order_id, p.advertiser_id, o.contract_role AS role, p.state FROM payment p"
        " JOIN rental_order o ON o.id = p.order_id WHERE p.code = :code OR o.code = :code AND p.state = 'captured'"
        " ORDER BY p.id DESC LIMIT 1",
        code=code,
    )
    if row is None:
        return None
    unit.run("SELECT pg_advisory_xact_lock(7203846, CAST(:id AS integer))", id=row.order_id)
    return unit.one(
        "SELECT p.id, p.code, p.order_id, p.advertiser_id, CAST(:role AS text) AS role, p.state,"
        " coalesce(payment_left(p.id), 0)::bigint AS left_cents FROM payment p WHERE p.id = :id",
        id=row.id,
        role=row.role,
    )


def is_order(unit: UnitOfWork, code: str) -> bool:
    """Whether an order bears this code."""
    return bool(unit.scalar("SELECT EXISTS (SELECT FROM rental_order WHERE code = :code)", code=code))


def owed_of_order(unit: UnitOfWork, order_id: int) -> int:
    """What credit notes on an order owe back and no refund gives back yet, in cents."""
    return int(
        unit.scalar(
            "SELECT coalesce((SELECT sum(total_cents - set_off_cents) FROM invoice WHERE order_id = :order"  # noqa: S608
            " AND kind = 'credit_note'), 0) - coalesce((SELECT sum(r.amount_cents - CASE WHEN r.credit_id IS NULL THEN"
            " r.credit_cents ELSE 0 END) FROM refund r JOIN payment p ON p.id = r.payment_id WHERE p.order_id = :order"
            f" AND {_LIVE}), 0)",
            order=order_id,
        )
    )


def creditable(unit: UnitOfWork, *, order_id: int | None = None, number: str = "") -> list[Row[Any]]:
    """(id, number, role, buyer_id, order_id, left_cents) of invoices of ours that a credit note may still lower."""
    return unit.all(
        "SELECT i.id, i.number, i.role, i.buyer_id, i.order_id, i.total_cents - coalesce((SELECT sum(c.total_cents)"  # noqa: S608
        " FROM invoice c WHERE c.corrects_id = i.id), 0)::bigint - coalesce((SELECT sum(r.credit_cents) FROM refund r"
        f" WHERE r.invoice_id = i.id AND r.credit_id IS NULL AND {_LIVE}), 0)::bigint AS left_cents"
        " FROM invoice i WHERE i.kind = 'invoice' AND (i.order_id = :order OR i.number = :number) ORDER BY i.id DESC",
        order=order_id,
        number=number,
    )


def receipt_to_refund(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """(id, code, payer, iban, left_cents, buyer_id) of a transfer; `iban` is where it came from, if a statement says,
    `buyer_id` a customer whose invoice it paid, or 0.

    Locked as `receipt_store.lock` does: what it paid of an invoice is given back once.
    """
    receipt_id = unit.scalar("SELECT id FROM receipt WHERE code = :code", code=code)
    if receipt_id is None:
        return None
    unit.run("SELECT pg_advisory_xact_lock(7203811, CAST(:id AS integer))", id=receipt_id)
    return unit.one(
        "SELECT r.id, r.code, r.payer, coalesce(l.counterparty_iban, '') AS iban,"
        " coalesce(receipt_left(r.id), 0)::bigint AS left_cents,"
        " coalesce((SELECT min(i.buyer_id) FROM receipt_share s JOIN invoice i ON i.id = s.invoice_id"
        " WHERE s.receipt_id = r.id), 0)::bigint AS buyer_id"
        " FROM receipt r LEFT JOIN bank_line l ON l.receipt_id = r.id WHERE r.code = :code",
        code=code,
    )


def paid_of_invoice(unit: UnitOfWork, receipt_id: int, invoice_id: int) -> int:
    """What a transfer paid of an invoice, less what was given back of it."""
    return int(
        unit.scalar(
            "SELECT coalesce((SELECT amount_cents FROM receipt_share WHERE receipt_id = :receipt AND invoice_id ="  # noqa: S608
            " :invoice), 0) - coalesce((SELECT sum(r.amount_cents) FROM refund r WHERE r.receipt_id = :receipt"
            f" AND r.invoice_id = :invoice AND {_LIVE}), 0)",
            receipt=receipt_id,
            invoice=invoice_id,
        )
    )


def insert(unit: UnitOfWork, **values: Any) -> int:
    """Ask for a refund; the database refuses more than is left (`refund_exceeds`)."""
    return int(
        unit.scalar(
            "INSERT INTO refund (code, org_id, payment_id, receipt_id, amount_cents, invoice_id, credit_cents, reason,"
            " holder, iban, end_to_end_id, second, asked_by) VALUES (:code, :org_id, :payment_id, :receipt_id,"
            " :amount_cents, :invoice_id, :credit_cents, :reason, :holder, :iban, :end_to_end_id, :second, :asked_by)"
            " RETURNING id",
            **values,
        )
    )


def refund(unit: UnitOfWork, code: str) -> Refund | None:
    """A refund by its code, for staff."""
    row = unit.one(_SELECT + "WHERE r.code = :code", code=code)
    return None if row is None else Refund(**row._mapping)


def lock(unit: UnitOfWork, refund_id: int) -> Refund | None:
    """A refund that nobody else moves before our commit."""
    unit.run("SELECT id FROM refund WHERE id = :id FOR UPDATE", id=refund_id)
    row = unit.one(_SELECT + "WHERE r.id = :id", id=refund_id)
    return None if row is None else Refund(**row._mapping)


def refunds(unit: UnitOfWork, limit: int = 500) -> list[Refund]:
    """Refunds, those that wait for somebody first, then the newest."""
    rows = unit.all(_SELECT + "ORDER BY r.state <> 'asked', r.id DESC LIMIT :limit", limit=limit)
    return [Refund(**row._mapping) for row in rows]


def set_state(unit: UnitOfWork, refund_id: int, before: str, after: str, **values: object) -> bool:
    """Move a refund; False when it stood in another state."""
    columns = "".join(f", {name} = :{name}" for name in values)
    return (
        unit.run(
            f"UPDATE refund SET state = :after{columns} WHERE id = :id AND state = :before",  # noqa: S608 - names
            id=refund_id,
            before=before,
            after=after,
            **values,
        ).rowcount
        == 1
    )


def set_credit(unit: UnitOfWork, refund_id: int, credit_id: int) -> None:
    """The credit note of a refund is issued."""
    unit.run("UPDATE refund SET credit_id = :credit WHERE id = :id", credit=credit_id, id=refund_id)


def work_of(unit: UnitOfWork, refund_id: int) -> Row[Any]:
    """(payment_id, intent, invoice_id, credit_id) of a refund."""
    row = unit.one(
        "SELECT r.payment_id, coalesce(p.gateway_reference, '') AS intent, r.invoice_id, r.credit_id"
        " FROM refund r LEFT JOIN payment p ON p.id = r.payment_id WHERE r.id = :id",
        id=refund_id,
    )
    assert row is not None
    return row


def moved(unit: UnitOfWork, payment_id: int) -> list[Row[Any]]:
    """(id, code, state, paid_on, failed_on) of a payment's refunds that the gateway has moved, or taken back."""
    return unit.all(
        "SELECT r.id, r.code, r.state, (SELECT min(m.moved_on) FROM gateway_movement m WHERE m.kind = 'refund'"
        " AND m.object_reference = r.gateway_reference) AS paid_on, (SELECT min(m.moved_on) FROM gateway_movement m"
        " WHERE m.kind = 'refund_failed' AND m.object_reference = r.gateway_reference) AS failed_on"
        " FROM refund r WHERE r.payment_id = :id AND r.state IN ('sent', 'paid') AND r.gateway_reference IS NOT NULL",
        id=payment_id,
    )


def transfers_to_make(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """Refunds by transfer, approved in a period and not in a file yet, locked, with the payee's address."""
    return unit.all(
        "SELECT r.id, r.code, r.end_to_end_id, r.amount_cents, r.holder, r.iban, o.street, o.postcode, o.city,"
        " o.country, is_frozen(r.org_id) AS frozen, r.credit_cents > 0 AND r.credit_id IS NULL AS uncredited"
        " FROM refund r JOIN organisation o ON o.id = r.org_id WHERE r.state = 'approved' AND r.receipt_id IS NOT NULL"
        " AND CAST(r.approved_at AT TIME ZONE 'Europe/Paris' AS date) BETWEEN :first AND :last ORDER BY r.id"
        " FOR UPDATE OF r",
        first=first,
        last=last,
    )


def take_return(unit: UnitOfWork, refund_id: int, problem: str, line_id: int, day: date) -> None:
    """The bank sent a transfer back."""
    unit.run(
        "UPDATE refund SET returned_on = :day, return_line_id = :line, problem = :problem, paid_on = coalesce(paid_on,"
        " :day), state = CASE state WHEN 'sent' THEN 'confirmed' ELSE state END WHERE id = :id",
        id=refund_id,
        day=day,
        line=line_id,
        problem=problem[:140],
    )


def returned_on(unit: UnitOfWork, refund_id: int) -> date | None:
    """The day on which a transfer came back."""
    found: date | None = unit.scalar("SELECT returned_on FROM refund WHERE id = :id", id=refund_id)
    return found
