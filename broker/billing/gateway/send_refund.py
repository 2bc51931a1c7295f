"""Jobs: bring an approved refund to the gateway, exactly once, and book a refund by transfer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from broker.audit.record import record
from broker.billing.gateway import refund_store as store
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_params import refund_params
from broker.billing.gateway.refund_model import Refund
from broker.billing.invoices.credit_invoice import credit_invoice
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings
from broker.ledger.model import credit, debit, mirrored
from broker.ledger.periods import open_day
from broker.ledger.post import post


def send_refund(database: Database, settings: Settings, choose: Callable[[], Gateway], refund_id: int) -> None:
    """Issue the credit note that an approved refund needs, then ask the gateway for the money.

    `sending` is committed before the call, and the gateway's key and mark are our row's code: killed at any point and
    called again, it finds what the gateway made. `choose` gives the gateway. A refund by transfer
    waits for the next file of the bank.
    """
    with database.begin() as unit:
        refund = store.lock(unit, refund_id)
        if refund is None or refund.state not in ("approved", "sending"):
            return
        if refund.state == "approved":
            if refund.credit_cents and not refund.credit:
                note = credit_invoice(unit, settings, refund.invoice, refund.credit_cents)
                store.set_credit(unit, refund.id, note.id)
                record(unit, "refund.credited", "refund", refund.code, credit=note.number)
            if not refund.by_card:
                return
            store.set_state(unit, refund.id, "approved", "sending")
        work = store.work_of(unit, refund_id)
    gateway = choose()
    try:
        reference = gateway.find_refund(work.intent, refund.code) or gateway.create_refund(
            refund_params(work.intent, refund.amount_cents, refund.code), refund.code
        )
    except Conflict as refusal:
        with database.begin() as unit:
            problem = str(refusal.details.get("gateway_code") or refusal.code)
            if store.set_state(unit, refund_id, "sending", "failed", problem=problem):
                record(unit, "refund.failed", "refund", refund.code, problem=problem)
        return
    with database.begin() as unit:
        if store.set_state(unit, refund_id, "sending", "sent", gateway_reference=reference, sent_at=unit.now):
            record(unit, "refund.sent", "refund", refund.code, cents=refund.amount_cents)
        unit.enqueue("book_card_money", work.payment_id)


def follow_refunds(database: Database, payment_id: int) -> None:
    """After a payment's movements were booked: its refunds are paid, or came back."""
    with database.begin() as unit:
        for row in store.moved(unit, payment_id):
            if row.state == "sent" and row.paid_on is not None:
                store.set_state(unit, row.id, "sent", "paid", paid_on=row.paid_on)
                record(unit, "refund.paid", "refund", row.code)
            if row.failed_on is not None and store.set_state(unit, row.id, "paid", "failed", problem="returned"):
                record(unit, "refund.failed", "refund", row.code, problem="returned")


def book_refund(database: Database, refund_id: int) -> None:
    """Book a refund by transfer that the bank shows: D 471 or 4197 / C 512; once. One that came back is undone."""
    with database.begin() as unit:
        refund = store.lock(unit, refund_id)
        if refund is None or refund.paid_on is None:
            return
        key = f"refund:{refund.code}"
        lines = [
            debit("4197", refund.credit_cents, refund.org_id),
            debit("471", refund.amount_cents - refund.credit_cents),
            credit("512", refund.amount_cents),
        ]
        label = f"Remboursement, {refund.customer}"
        if refund.state == "confirmed":
            day = open_day(unit, refund.paid_on)
            post(unit, "BQ", day, refund.source, label, lines, key, piece_day=refund.paid_on)
            store.set_state(unit, refund.id, "confirmed", "paid")
            record(unit, "refund.paid", "refund", refund.code, cents=refund.amount_cents)
        returned_on = store.returned_on(unit, refund.id)
        if returned_on is not None:
            day = open_day(unit, returned_on)
            lines = mirrored(lines)
            post(unit, "BQ", day, refund.source, f"{label}, revenu", lines, f"{key}:returned", piece_day=returned_on)
            if store.set_state(unit, refund.id, "paid", "failed"):
                record(unit, "refund.failed", "refund", refund.code)


def fail_transfer(unit: UnitOfWork, refund: Refund, problem: str) -> None:
    """The bank refused a refund by transfer before it left: the money is owed, or waits, as before."""
    if store.set_state(unit, refund.id, "sent", "failed", problem=problem):
        record(unit, "refund.failed", "refund", refund.code, problem=problem)


def return_transfer(unit: UnitOfWork, refund: Refund, problem: str, line_id: int, day: date) -> None:
    """A refund by transfer left and came back: a job undoes it."""
    store.take_return(unit, refund.id, problem, line_id, day)
    unit.enqueue("book_refund", refund.id)
    record(unit, "refund.came_back", "refund", refund.code, problem=problem)
