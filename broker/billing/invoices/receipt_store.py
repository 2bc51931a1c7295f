"""The only place with the receipts' SQL."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.billing.invoices.receipt_model import Receipt, ReceiptShare
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound

_SELECT = """
SELECT r.id, r.code, r.received_on, r.amount_cents, r.reference, r.payer, r.booked_at IS NOT NULL AS booked,
  r.amount_cents - coalesce((SELECT sum(s.amount_cents) FROM receipt_share s WHERE s.receipt_id = r.id), 0)::bigint
    - coalesce((SELECT l.explained_cents FROM bank_line l WHERE l.receipt_id = r.id), 0)
    - coalesce((SELECT sum(f.amount_cents - f.credit_cents) FROM refund f WHERE f.receipt_id = r.id
                AND f.state NOT IN ('failed', 'cancelled')), 0)::bigint AS left_cents
FROM receipt r
"""


def known(unit: UnitOfWork, reference: str) -> bool:
    """Whether a transfer of this reference was taken down."""
    return unit.one("SELECT 1 FROM receipt WHERE reference = :reference", reference=reference) is not None


def insert(unit: UnitOfWork, code: str, day: date, cents: int, reference: str, payer: str) -> int:
    """Insert a transfer; returns its id."""
    return int(
        unit.scalar(
            "INSERT INTO receipt (code, received_on, amount_cents, reference, payer)"
            " VALUES (:code, :day, :cents, :reference, :payer) RETURNING id",
            code=code,
            day=day,
            cents=cents,
            reference=reference,
            payer=payer,
        )
    )


def receipt_id(unit: UnitOfWork, code: str) -> int | None:
    """The id of a transfer."""
    found = unit.scalar("SELECT id FROM receipt WHERE code = :code", code=code)
    return None if found is None else int(found)


def receipt(unit: UnitOfWork, receipt_id: int) -> Receipt:
    """A transfer with what is left of it."""
    row = unit.one(_SELECT + "WHERE r.id = :id", id=receipt_id)
    if row is None:
        raise NotFound(f"There is no receipt of id {receipt_id}.")
    return Receipt(**row._mapping)


def lock(unit: UnitOfWork, receipt_id: int) -> Receipt:
    """The same; nobody else shares it out or books it before our commit."""
    unit.run("SELECT pg_advisory_xact_lock(7203811, CAST(:id AS integer))", id=receipt_id)
    return receipt(unit, receipt_id)


def unmatched(unit: UnitOfWork) -> list[Receipt]:
    """Transfers of which something is left, the oldest first."""
    rows = unit.all(f"SELECT * FROM ({_SELECT}) r WHERE left_cents > 0 ORDER BY id")  # noqa: S608 - a constant
    return [Receipt(**row._mapping) for row in rows]


def open_invoice(unit: UnitOfWork, number: str) -> Row[Any] | None:
    """(id, open_cents) of an invoice of ours that is paid after its issue, or whose debit came back; locked by its
    number until the commit. What a mandator's funds had paid goes by its account (467), not by a document."""
    unit.run("SELECT pg_advisory_xact_lock(7203812, hashtext(:number))", number=number)
    return unit.one(
        "SELECT i.id, CASE WHEN i.kind = 'deposit' THEN 0 ELSE i.total_cents - i.deposit_cents END"
        " + CASE WHEN i.role = 'agent_of_advertiser' THEN 0 ELSE coalesce((SELECT q.cents FROM returned_claim(i.id) q"
        "   WHERE q.again_on IS NULL), 0) END - coalesce((SELECT sum(s.amount_cents) FROM receipt_share s"
        " WHERE s.invoice_id = i.id), 0)::bigint - coalesce((SELECT sum(c.set_off_cents) FROM invoice c"
        " WHERE c.corrects_id = i.id), 0)::bigint AS open_cents"
        " FROM invoice i WHERE i.number = :number AND (i.kind IN ('invoice', 'owner_invoice', 'claim', 'deposit')"
        " OR i.kind = 'fee' AND i.role = 'agent_of_advertiser')",
        number=number,
    )


def insert_share(unit: UnitOfWork, receipt_id: int, invoice_id: int, cents: int) -> None:
    """Say that a part of a transfer pays an invoice."""
    unit.run(
        "INSERT INTO receipt_share (receipt_id, invoice_id, amount_cents) VALUES (:receipt, :invoice, :cents)",
        receipt=receipt_id,
        invoice=invoice_id,
        cents=cents,
    )


def unbooked_shares(unit: UnitOfWork, receipt_id: int) -> list[ReceiptShare]:
    """The parts of a transfer that are in no entry yet."""
    rows = unit.all(
        "SELECT s.invoice_id, i.number, i.buyer_id, i.total_cents - i.deposit_cents AS due_cents, s.amount_cents,"
        " CASE WHEN i.kind = 'owner_invoice' AND i.role = 'agent_of_advertiser' THEN '467' ELSE '411' END AS account,"
        " 'invoice:' || CASE WHEN i.kind = 'owner_invoice' AND i.role = 'agent_of_owner' THEN coalesce((SELECT f.number"
        " FROM invoice f WHERE f.id = fee_on(i.id)), '') ELSE i.number END AS vat_key"
        " FROM receipt_share s JOIN invoice i ON i.id = s.invoice_id"
        " WHERE s.receipt_id = :id AND s.booked_at IS NULL ORDER BY i.id",
        id=receipt_id,
    )
    return [ReceiptShare(**row._mapping) for row in rows]


def booked_of_invoice(unit: UnitOfWork, invoice_id: int) -> Row[Any]:
    """(cents, vat) of what is booked of an invoice, credit notes too; others wait until our commit."""
    unit.run("SELECT pg_advisory_xact_lock(7203813, CAST(:id AS integer))", id=invoice_id)
    row = unit.one(
        "SELECT coalesce(sum(cents), 0)::bigint AS cents, coalesce(sum(vat), 0)::bigint AS vat FROM ("
        " SELECT amount_cents AS cents, vat_cents AS vat FROM receipt_share"
        " WHERE invoice_id = :id AND booked_at IS NOT NULL UNION ALL"
        " SELECT set_off_cents, set_off_vat_cents FROM invoice WHERE corrects_id = :id) x",
        id=invoice_id,
    )
    assert row is not None
    return row


def booked(unit: UnitOfWork, receipt_id: int, vats: Mapping[int, int]) -> None:
    """Mark a transfer and its parts (invoice id → VAT that fell due) as booked."""
    unit.run("UPDATE receipt SET booked_at = coalesce(booked_at, app_now()) WHERE id = :id", id=receipt_id)
    unit.run_many(
        "UPDATE receipt_share SET booked_at = app_now(), vat_cents = :vat"
        " WHERE receipt_id = :receipt AND invoice_id = :invoice",
        [{"receipt": receipt_id, "invoice": invoice, "vat": vat} for invoice, vat in vats.items()],
    )


def keys_of_invoice(unit: UnitOfWork, invoice_id: int, number: str) -> list[str]:
    """The idempotency keys of the entries that touch an invoice: its own, its credit notes', those of its receipts, and
    of a debit for its order that came back."""
    rows = unit.all(
        "SELECT r.code FROM receipt_share s JOIN receipt r ON r.id = s.receipt_id WHERE s.invoice_id = :id",
        id=invoice_id,
    )
    back = unit.all(
        "SELECT m.reference FROM invoice i JOIN payment p ON p.order_id = i.order_id JOIN gateway_movement m"
        " ON m.payment_id = p.id AND m.kind = 'returned' WHERE i.id = :id",
        id=invoice_id,
    )
    notes = unit.all("SELECT number FROM invoice WHERE corrects_id = :id", id=invoice_id)
    keys = [f"invoice:{number}", *(f"invoice:{row.number}" for row in notes)]
    for row in rows:
        keys += [f"receipt:{row.code}", f"receipt:{row.code}:{number}"]
    keys += [f"gateway:{row.reference}" for row in back]
    return keys
