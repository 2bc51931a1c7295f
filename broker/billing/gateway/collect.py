"""Take the prepayment of an approved order on the gateway's page, and book what the gateway says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from broker.audit.record import record
from broker.billing.gateway import payment_store
from broker.billing.gateway.book_capture import book_capture
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_objects import Checkout, Intent
from broker.billing.gateway.gateway_params import checkout_params
from broker.billing.gateway.means_store import SavedMeans
from broker.billing.gateway.payment_rules import rule_of
from broker.billing.gateway.tell_payer import tell_payer
from broker.billing.model import Payment
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, IntegrityFault
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.rentals.credit import order_on_credit
from broker.rentals.find import find_order, locked_order
from broker.rentals.model import Order


def start_payment(unit: UnitOfWork, settings: Settings, gateway: Gateway, order_code: str) -> Payment:
    """Ask the gateway for the price of an approved order, VAT included; asked again, it is the same payment.

    `checkout` of the result is the address of the payer's page; it is empty when the money is there already, and then
    the booking is asked for at once. An order whose debit was returned is paid anew in any state. Raises `Conflict`
    (`not_payable`, `pay_under_way`).
    """
    unit.actor.require("advertiser")
    order = locked_order(unit, order_code)
    standing = payment_store.standing_payment(unit, order.id)
    if standing is not None and standing.state == "captured":
        return standing
    refuse_under_way(standing)
    require_payable(unit, order, standing)
    page = standing.page if standing is not None else 0
    if standing is not None:
        found = gateway.read_checkout(standing.checkout_reference)
        if found.state != "expired":
            return _shown(unit, standing, found)
        page += 1
    # The key names the order, the attempt and the page: a request repeated after a crash finds its first page again.
    key = f"{order.code}:{payment_store.ended_payments(unit, order.id)}:{page}"
    back = f"{settings.web.public_url}/orders/{order.code}"
    methods = rule_of(unit, settings, order.advertiser_id).methods
    made = gateway.create_checkout(checkout_params(order.total_cents, "EUR", order.code, methods, back), key)
    if standing is not None:
        payment_store.renew_page(unit, standing.id, made.reference, page)
        return _shown(unit, replace(standing, page=page, checkout_reference=made.reference), made)
    return _shown(unit, open_payment(unit, gateway, order, checkout_reference=made.reference), made)


def open_payment(
    unit: UnitOfWork,
    gateway: Gateway,
    order: Order,
    *,
    checkout_reference: str | None = None,
    means: SavedMeans | None = None,
    debit_on: date | None = None,
) -> Payment:
    """A new payment of an order's whole price, on the gateway's page or from a saved means."""
    payment = payment_store.insert_payment(
        unit,
        code=new_code("pay"),
        order_id=order.id,
        advertiser_id=order.advertiser_id,
        gateway=gateway.name,
        amount_cents=order.total_cents,
        checkout_reference=checkout_reference,
        method="checkout" if means is None else means.kind,
        means_id=None if means is None else means.id,
        debit_on=debit_on,
    )
    record(unit, "payment.started", "payment", payment.code, order=order.code, cents=payment.amount_cents)
    return payment


def find_payment(unit: UnitOfWork, order_code: str) -> Payment | None:
    """The payment of an order, waiting or captured; else the last one that failed or was returned, if any."""
    order = find_order(unit, order_code)
    return payment_store.standing_payment(unit, order.id) or payment_store.last_payment(unit, order.id)


def require_payable(unit: UnitOfWork, order: Order, standing: Payment | None) -> None:
    """Refuse an order that is not to be paid now."""
    returned = payment_store.was_returned(unit, order.id) if standing is None else ""
    if standing is None and returned and not payment_store.returned_open(unit, order.id, returned):
        raise Conflict("What the returned debit left was paid by transfer.", code="not_payable")
    if standing is None and order.state != "approved" and not returned:
        raise Conflict(
            f"The order is {order.state.replace('_', ' ')}: only an approved one is paid.", code="not_payable"
        )


def refuse_under_way(standing: Payment | None) -> None:
    """Refuse a second payment beside one that the gateway works on."""
    if standing is not None and (standing.state == "processing" or standing.method != "checkout"):
        raise Conflict(f"The payment {standing.code} is under way: wait for its end.", code="pay_under_way")


def book_payment(database: Database, settings: Settings, gateway: Gateway, payment_id: int) -> None:
    """Read a payment again at the gateway and book what it says, once however often it is called.

    Raises `IntegrityFault` (`payment_amount`) when the gateway received another amount than the order's.
    """
    with database.begin() as unit:
        waiting = payment_store.payment(unit, payment_id)
        if waiting is None or waiting.state not in ("pending", "processing"):
            return
        payment_store.looked(unit, payment_id)
    reference, lapsed = waiting.gateway_reference, False
    if not reference and waiting.checkout_reference:
        page = gateway.read_checkout(waiting.checkout_reference)
        reference, lapsed = page.intent, page.state == "expired"
    intent = gateway.read_intent(reference) if reference else None
    with database.begin() as unit:
        payment = payment_store.lock_payment(unit, payment_id)
        if payment is None or payment.checkout_reference != waiting.checkout_reference:
            return
        if intent is not None:
            book_intent(unit, settings, payment, intent)
        elif lapsed and payment.state == "pending":
            payment_store.set_payment_state(unit, payment.id, "failed", "page_lapsed")
            record(unit, "payment.failed", "payment", payment.code, reason="page_lapsed")


def book_intent(unit: UnitOfWork, settings: Settings, payment: Payment, intent: Intent) -> None:
    """Bring a locked payment to where the gateway says it stands."""
    if payment.state not in ("pending", "processing"):
        return
    payment_store.set_reference(unit, payment.id, intent.reference)
    payment = replace(payment, gateway_reference=payment.gateway_reference or intent.reference)
    if intent.state == "captured":
        if (intent.received_cents, intent.currency) != (payment.amount_cents, "EUR"):
            raise IntegrityFault(
                f"The gateway received {intent.received_cents} cents of {intent.currency} for payment"
                f" {payment.code}, which asked for {payment.amount_cents} cents of EUR.",
                code="payment_amount",
            )
        book_capture(unit, settings, payment)
    elif intent.state == "processing":
        if payment.state == "pending":
            payment_store.set_payment_state(unit, payment.id, "processing")
            record(unit, "payment.processing", "payment", payment.code)
            go_on_credit(unit, settings, payment)
    elif intent.state == "failed" or payment.state == "processing":
        payment_store.set_payment_state(unit, payment.id, "failed", intent.failure)
        record(unit, "payment.failed", "payment", payment.code, reason=intent.failure)
        tell_payer(unit, "payment.failed", payment, reason=intent.failure or "failed")


def go_on_credit(unit: UnitOfWork, settings: Settings, payment: Payment) -> None:
    """While a debit is under way its order waits, or goes on by the payer's credit where the rule says so."""
    if rule_of(unit, settings, payment.advertiser_id).debit != "credit":
        return
    if locked_order(unit, payment.order_code).state != "approved":
        return
    try:
        with unit.session.begin_nested():
            order_on_credit(unit, payment.order_code)
    except CourtierError as refusal:  # no terms, or not enough of them is left: the order waits
        record(unit, "payment.waits", "payment", payment.code, reason=refusal.code)


def _shown(unit: UnitOfWork, payment: Payment, page: Checkout) -> Payment:
    if page.state == "complete":
        unit.enqueue("book_payment", payment.id)
    return replace(payment, checkout=page.url if page.state == "open" else "")
