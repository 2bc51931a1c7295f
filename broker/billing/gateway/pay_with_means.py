"""Pay an order with a saved card or by a SEPA debit, the payer not being there."""

from __future__ import annotations

from datetime import timedelta

from broker.audit.record import record
from broker.billing.gateway import means_store, payment_store
from broker.billing.gateway.collect import book_intent, go_on_credit, open_payment, refuse_under_way, require_payable
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.gateway_objects import Intent
from broker.billing.gateway.gateway_params import off_session_params
from broker.billing.gateway.means import usable_means
from broker.billing.gateway.payment_rules import rule_of
from broker.billing.gateway.tell_payer import tell_payer
from broker.billing.gateway.transfers import is_late
from broker.billing.model import Payment
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings
from broker.rentals.find import locked_order


def pay_with_means(unit: UnitOfWork, settings: Settings, gateway: Gateway, order_code: str, means_code: str) -> Payment:
    """Ask for the price of an approved order from a saved means; a worker takes it.

    A card is charged at once. A debit is announced to the payer with its day, amount and mandate, and asked for on
    that day (`payment.prenotice_days`, SEPA rulebook 4.1: the debtor is told before each collection); until it has
    succeeded the order waits, or goes on credit where the payer's rule says so. An open page of the gateway is closed
    first, so that nobody pays twice. Raises `Conflict` (`not_payable`, `pay_under_way`, `method_closed`).
    """
    unit.actor.require("advertiser")
    order = locked_order(unit, order_code)
    standing = payment_store.standing_payment(unit, order.id)
    if standing is not None and standing.state == "captured":
        return standing
    refuse_under_way(standing)
    require_payable(unit, order, standing)
    means = usable_means(unit, means_code)
    if means.kind not in rule_of(unit, settings, order.advertiser_id).methods:
        raise Conflict("Ask the broker for this way to pay.", code="method_closed", field="means")
    if standing is not None:
        if gateway.expire_checkout(standing.checkout_reference).state == "complete":
            unit.enqueue("book_payment", standing.id)
            raise Conflict(f"The payment {standing.code} was just made on its page.", code="pay_under_way")
        payment_store.leave_page(unit, standing.id)
    wait = timedelta(days=settings.payment.prenotice_days) if means.kind == "sepa_debit" else None
    payment = open_payment(unit, gateway, order, means=means, debit_on=None if wait is None else unit.today + wait)
    if payment.debit_on is None:
        unit.enqueue("charge_means", payment.id)
    else:
        day, mandate, account = payment.debit_on, means.mandate, means.label
        tell_payer(unit, "payment.debit_announced", payment, debit_on=day, mandate=mandate, account=account)
        go_on_credit(unit, settings, payment)
    return payment


def charge_means(database: Database, settings: Settings, gateway: Gateway, payment_id: int) -> None:
    """Have the gateway take a payment, once: the key is the payment's code, and whatever a crash cut off is repeated.

    What the payer's bank refuses ends the payment; where it asks for the payer (strong authentication), or the card is
    declined, the payer is told and pays on the gateway's page.
    """
    with database.begin() as unit:
        payment = payment_store.lock_payment(unit, payment_id)
        if payment is None or payment.state != "pending" or payment.means_id is None:
            return
        if payment.debit_on is not None and payment.debit_on > unit.today:
            return
        means = means_store.by_id(unit, payment.means_id)
        assert means is not None
        customer = means_store.customer_of(unit, means.org_id)
        late = is_late(unit.now, payment.asked_at)
        if payment.asked_at is None and locked_order(unit, payment.order_code).state in ("cancelled", "expired"):
            payment_store.set_payment_state(unit, payment.id, "failed", "order_ended")
            record(unit, "payment.failed", "payment", payment.code, reason="order_ended")
            return
        payment_store.asked(unit, payment.id)
    found = gateway.find_intent(customer, payment.code) if late else ""
    try:
        intent = gateway.read_intent(found) if found else _create(gateway, payment, customer, means.gateway_reference)
    except Conflict as refusal:
        intent = Intent("", "failed", 0, "EUR", "", str(refusal.details.get("gateway_code") or "refused"))
    if intent.reference and intent.state in ("waiting", "action"):  # nobody may pay it later, behind our back
        intent = _given_up(gateway, intent)
    with database.begin() as unit:
        locked = payment_store.lock_payment(unit, payment_id)
        assert locked is not None
        if intent.state != "failed":
            book_intent(unit, settings, locked, intent)
        elif locked.state == "pending":
            if intent.reference:
                payment_store.set_reference(unit, locked.id, intent.reference)
            payment_store.set_payment_state(unit, locked.id, "failed", intent.failure)
            record(unit, "payment.failed", "payment", locked.code, reason=intent.failure)
            if intent.failure == "authentication_required":
                tell_payer(unit, "payment.action", locked)
            else:
                tell_payer(unit, "payment.failed", locked, reason=intent.failure or "refused")


def _create(gateway: Gateway, payment: Payment, customer: str, means: str) -> Intent:
    params = off_session_params(
        payment.amount_cents, "EUR", payment.order_code, customer, means, payment.method, payment.code
    )
    return gateway.create_intent(params, payment.code)


def _given_up(gateway: Gateway, intent: Intent) -> Intent:
    ended = gateway.cancel_intent(intent.reference)
    why = intent.failure or ("authentication_required" if intent.state == "action" else "declined")
    return Intent(ended.reference, ended.state, ended.received_cents, ended.currency, "", why)
