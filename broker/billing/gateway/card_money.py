"""What the gateway moved for a card payment after its capture: fees, refunds, disputes; booked once each.

Events say only which payment to read again: all of its movements are read, each is booked by the gateway's own
id, so order, delay and number of events do not matter.
"""

from __future__ import annotations

from broker.audit.record import record
from broker.billing.gateway import card_store as store
from broker.billing.gateway import payment_store
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_objects import Movement
from broker.billing.gateway.returned_debit import funds_of, take_back
from broker.billing.invoices.entries_agent import THIRD_PARTY
from broker.billing.invoices.parties import payer_id
from broker.billing.model import Payment
from broker.kernel.database import Database, UnitOfWork
from broker.ledger.model import Line, credit, debit
from broker.ledger.periods import open_day
from broker.ledger.post import post
from broker.ledger.store import balance, entry_balance

_LABELS = {
    "capture": "Frais de la passerelle",
    "refund": "Remboursement par carte",
    "refund_failed": "Remboursement par carte revenu",
    "dispute": "Paiement contesté",
    "dispute_won": "Contestation gagnée",
    "dispute_lost": "Contestation perdue",
    "returned": "Prélèvement rejeté",
}


def book_card_money(database: Database, gateway: Gateway, payment_id: int) -> None:
    """Read what the gateway moved for a captured payment, and book what is new; called again it changes nothing."""
    with database.begin() as unit:
        payment = payment_store.payment(unit, payment_id)
    if payment is None or payment.state not in ("captured", "returned"):
        return  # once it is captured it is asked for again
    movements = gateway.read_movements(payment.gateway_reference)
    with database.begin() as unit:
        payment = payment_store.lock_payment(unit, payment_id)
        assert payment is not None
        party = payer_id(unit, payment.order_id, payment.advertiser_id)
        known = store.known(unit, payment_id)
        for one in movements:
            if one.reference not in known:
                _book(unit, payment, party, one)


def _book(unit: UnitOfWork, payment: Payment, party: int, one: Movement) -> None:
    lines = [*_lines(unit, payment, party, one), debit("627", one.fee_cents), credit("512", one.fee_cents)]
    if any(line.debit_cents or line.credit_cents for line in lines):
        label = f"{_LABELS[one.kind]}, commande {payment.order_code}"
        day, key = open_day(unit, one.day), f"gateway:{one.reference}"
        post(unit, "BQ", day, payment.code, label, lines, key, piece_day=one.day)
    store.insert(unit, payment.id, one)
    if one.kind == "returned":
        take_back(unit, payment)
    if one.kind != "capture":
        record(unit, f"payment.{one.kind}", "payment", payment.code, cents=one.cents, fee=one.fee_cents)


def _lines(unit: UnitOfWork, payment: Payment, party: int, one: Movement) -> list[Line]:
    """The capture itself is in the books (`book_payment`). A refund pays what is owed back (4197); what was given back
    without a credit note waits in suspense until somebody says why. Contested money stands on 416 until it is won back
    or lost (654)."""
    if one.kind == "refund":
        taken = -one.cents
        owed = max(0, min(taken, -balance(unit, "4197", party)))
        return [debit("4197", owed, party), debit("471", taken - owed), credit("512", taken)]
    if one.kind == "refund_failed":  # what came out of suspense goes back there
        waited = max(0, sum(entry_balance(unit, key, "471") for key in store.refund_keys(unit, one.object_reference)))
        waited = min(waited, one.cents)
        return [debit("512", one.cents), credit("471", waited), credit("4197", one.cents - waited, party)]
    if one.kind == "dispute":
        return [debit("416", -one.cents, party), credit("512", -one.cents)]
    if one.kind == "dispute_won":
        return [debit("512", one.cents), credit("416", one.cents, party)]
    if one.kind == "returned":  # the payer's debt stands again; of funds of a mandator's none are here any more
        if funds_of(unit, payment.code):
            return [debit(THIRD_PARTY, -one.cents, payment.advertiser_id), credit("512", -one.cents)]
        return [debit("411", -one.cents, party), credit("512", -one.cents)]
    if one.kind == "dispute_lost":
        return [debit("654", -one.cents), credit("416", -one.cents, party)]
    return []
