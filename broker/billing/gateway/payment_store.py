"""The only place with the payments' SQL."""

from __future__ import annotations

from typing import Any

from broker.billing.model import Payment
from broker.kernel.database import UnitOfWork

_SELECT = """
SELECT p.id, p.code, p.order_id, o.code AS order_code, p.advertiser_id, p.gateway,
       coalesce(p.gateway_reference, '') AS gateway_reference, p.amount_cents, p.state, p.created_at, p.captured_at,
       p.method, p.means_id, coalesce(p.checkout_reference, '') AS checkout_reference, p.page, p.failure, p.debit_on,
       p.asked_at
FROM payment p JOIN rental_order o ON o.id = p.order_id
"""


def standing_payment(unit: UnitOfWork, order_id: int) -> Payment | None:
    """The payment of an order that waits, is under way or is captured; there is one at most."""
    row = unit.one(
        _SELECT + "WHERE p.order_id = :order AND p.state IN ('pending', 'processing', 'captured')",
        order=order_id,
    )
    return None if row is None else Payment(**row._mapping)


def last_payment(unit: UnitOfWork, order_id: int) -> Payment | None:
    """The latest payment of an order, whatever became of it."""
    row = unit.one(_SELECT + "WHERE p.order_id = :order ORDER BY p.id DESC LIMIT 1", order=order_id)
    return None if row is None else Payment(**row._mapping)


def was_returned(unit: UnitOfWork, order_id: int) -> str:
    """The code of an order's payment that was taken back after it had succeeded, or nothing."""
    return str(
        unit.scalar(
            "SELECT code FROM payment WHERE order_id = :order AND state = 'returned' ORDER BY id DESC LIMIT 1",
            order=order_id,
        )
        or ""
    )


def returned_open(unit: UnitOfWork, order_id: int, payment: str) -> bool:
    """Whether something of what a returned debit left is not paid by transfer; also where no document names it."""
    return bool(
        unit.scalar(
            "SELECT returned_open(:order) > 0 OR NOT EXISTS (SELECT 1 FROM payment p JOIN invoice i"
            " ON i.order_id = p.order_id CROSS JOIN LATERAL returned_claim(i.id) c WHERE p.code = :payment)",
            order=order_id,
            payment=payment,
        )
    )


def ended_payments(unit: UnitOfWork, order_id: int) -> int:
    """How many payments of an order failed or were returned: each new attempt has a key of its own."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM payment WHERE order_id = :order AND state IN ('failed', 'returned')", order=order_id
        )
    )


def insert_payment(unit: UnitOfWork, **values: Any) -> Payment:
    """Insert a pending payment; keys are its columns."""
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    payment_id = unit.scalar(
        f"INSERT INTO payment ({names}) VALUES ({marks}) RETURNING id",  # noqa: S608 - names of ours
        **values,
    )
    row = unit.one(_SELECT + "WHERE p.id = :id", id=payment_id)
    assert row is not None
    return Payment(**row._mapping)


def renew_page(unit: UnitOfWork, payment_id: int, checkout: str, page: int) -> None:
    """A payer gets another page: the one before has lapsed."""
    unit.run(
        "UPDATE payment SET checkout_reference = :checkout, page = :page WHERE id = :id",
        id=payment_id,
        checkout=checkout,
        page=page,
    )


def payment(unit: UnitOfWork, payment_id: int) -> Payment | None:
    """A payment by its id."""
    row = unit.one(_SELECT + "WHERE p.id = :id", id=payment_id)
    return None if row is None else Payment(**row._mapping)


def payment_named(unit: UnitOfWork, code: str) -> Payment | None:
    """A payment by its code, or the latest of an order of this code."""
    row = unit.one(_SELECT + "WHERE :code IN (p.code, o.code) ORDER BY p.id DESC LIMIT 1", code=code)
    return None if row is None else Payment(**row._mapping)


def lock_payment(unit: UnitOfWork, payment_id: int) -> Payment | None:
    """A payment that nobody else can book before our commit."""
    unit.run("SELECT id FROM payment WHERE id = :id FOR UPDATE", id=payment_id)
    return payment(unit, payment_id)


def leave_page(unit: UnitOfWork, payment_id: int) -> None:
    """The payer pays another way: the page is closed."""
    unit.run("UPDATE payment SET state = 'failed', failure = 'page_left' WHERE id = :id", id=payment_id)


def set_payment_state(unit: UnitOfWork, payment_id: int, state: str, failure: str = "") -> None:
    """Move a payment; a capture is dated."""
    unit.run(
        "UPDATE payment SET state = :state, failure = :failure,"
        " captured_at = CASE WHEN :state = 'captured' THEN app_now() ELSE captured_at END WHERE id = :id",
        id=payment_id,
        state=state,
        failure=failure[:100],
    )


def set_reference(unit: UnitOfWork, payment_id: int, reference: str) -> None:
    """The gateway's own name of a payment, once it is known."""
    unit.run(
        "UPDATE payment SET gateway_reference = :reference WHERE id = :id AND gateway_reference IS NULL",
        id=payment_id,
        reference=reference,
    )


def looked(unit: UnitOfWork, payment_id: int) -> None:
    """The gateway was asked about a payment just now."""
    unit.run("UPDATE payment SET looked_at = app_now() WHERE id = :id", id=payment_id)


def asked(unit: UnitOfWork, payment_id: int) -> None:
    """The gateway is about to be asked to take a payment."""
    unit.run("UPDATE payment SET asked_at = coalesce(asked_at, app_now()) WHERE id = :id", id=payment_id)


def payment_of(unit: UnitOfWork, reference: str) -> Payment | None:
    """The payment that the gateway calls so, by itself or by its page."""
    row = unit.one(
        _SELECT + "WHERE p.gateway_reference = :reference OR p.checkout_reference = :reference", reference=reference
    )
    return None if row is None else Payment(**row._mapping)


_OPEN = (
    "SELECT i.id, i.total_cents - i.deposit_cents - coalesce((SELECT sum(s.amount_cents) FROM receipt_share s"
    " WHERE s.invoice_id = i.id), 0) - coalesce((SELECT sum(c.set_off_cents) FROM invoice c"
    " WHERE c.corrects_id = i.id), 0) AS open"
    " FROM invoice i WHERE i.order_id = :order AND (i.kind IN ('invoice', 'owner_invoice')"
    " OR i.kind = 'fee' AND i.role = 'agent_of_advertiser')"
)


def has_open(unit: UnitOfWork, order_id: int) -> bool:
    """Whether something of an order's documents is not paid."""
    return bool(unit.scalar(f"SELECT EXISTS (SELECT 1 FROM ({_OPEN}) x WHERE x.open > 0)", order=order_id))  # noqa: S608


def share_receipt(unit: UnitOfWork, receipt_id: int, order_id: int, cents: int) -> None:
    """Share a receipt among what is open of an order's documents, the oldest first; transfers for them wait."""
    unit.run(
        "SELECT pg_advisory_xact_lock(7203812, hashtext(number)) FROM (SELECT number FROM invoice"  # as `open_invoice`
        " WHERE order_id = :order ORDER BY id) i",
        order=order_id,
    )
    unit.run(
        "INSERT INTO receipt_share (receipt_id, invoice_id, amount_cents) SELECT :receipt, id, share FROM ("  # noqa: S608
        " SELECT x.id, least(x.open, :cents - coalesce(sum(x.open) OVER (ORDER BY x.id"
        "   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)) AS share"
        f" FROM ({_OPEN}) x WHERE x.open > 0) y WHERE share > 0",
        receipt=receipt_id,
        order=order_id,
        cents=cents,
    )
