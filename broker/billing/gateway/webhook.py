"""The inbox of webhooks: verify, store once, have a job read the object again."""

from __future__ import annotations

from broker.billing.gateway import connect_store, gateway_payout_store, inbox_store, means_store, payment_store
from broker.billing.gateway.collect import book_payment
from broker.billing.gateway.connect import read_connect
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_balance import ask_reading
from broker.billing.gateway.means import read_setup
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings


def receive_webhook(unit: UnitOfWork, gateway: Gateway, payload: bytes, signature: str) -> bool:
    """Take a webhook as it came (raw body, `Stripe-Signature` header); False when it was here before.

    Its content is believed in nothing but which object to read again, so order and number of deliveries do not
    matter. Raises `InvalidInput` (`bad_signature`).
    """
    return inbox_store.receive(unit, gateway.read_event(payload, signature))


def treat_webhook(database: Database, settings: Settings, gateway: Gateway, number: int) -> None:
    """Read again what an event is about, and book what has changed; called again it changes nothing.

    Events of unknown kinds about objects of ours read these again; about anything else they are marked `unknown`.
    """
    with database.begin() as unit:
        event = inbox_store.waiting(unit, number)
        if event is None:
            return
        reference = event.object_reference
        payment = payment_store.payment_of(unit, reference)
        means = means_store.means_of(unit, reference)
        account = connect_store.account_of(unit, event.account or reference)
        payout = gateway_payout_store.payout_of(unit, reference)
    if payment is not None:
        book_payment(database, settings, gateway, payment.id)
    elif means is not None:
        read_setup(database, gateway, means)
    elif account is not None:
        read_connect(database, gateway, account)
    with database.begin() as unit:
        if payout is not None or event.kind in ("balance.available", "payout.failed", "payout.paid"):
            ask_reading(unit)
        if payment is not None:
            unit.enqueue("book_card_money", payment.id)
        known = payment or means or account or payout
        inbox_store.treated(unit, number, "unknown" if known is None else "done")
