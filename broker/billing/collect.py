"""Take the prepayment of an approved order, and book what the gateway captured."""

from __future__ import annotations

from dataclasses import replace

from broker.audit.record import record
from broker.billing import payment_store
from broker.billing.entries import deposit_lines
from broker.billing.entries_agent import funds_back_lines, funds_lines, owner_deposit_lines
from broker.billing.gateway import Gateway, intent_params
from broker.billing.issue import Draft, issue
from broker.billing.labels import text
from broker.billing.mandates import mandate_on
from broker.billing.model import InvoiceLine, Payment
from broker.billing.parties import party, payer_id, vat_between, vat_of_sale
from broker.billing.unused import credit_deposit, letter_deposit
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, IntegrityFault
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.ledger.matching import match_settled
from broker.ledger.post import post
from broker.mailings.schedule import schedule_order
from broker.rentals.advance import advance_order
from broker.rentals.find import find_order, locked_order
from broker.rentals.model import Order


def start_payment(unit: UnitOfWork, gateway: Gateway, order_code: str) -> Payment:
    """Ask the gateway for the price of an approved order, VAT included; asked again, it is the same payment.

    `checkout` of the result is what the payer's page needs; it is empty when the money is there already, and then
    the booking is asked for at once. Raises `Conflict` (`not_payable`) in any other state.
    """
    unit.actor.require("advertiser")
    order = locked_order(unit, order_code)
    standing = payment_store.standing_payment(unit, order.id)
    if standing is None and order.state != "approved":
        raise Conflict(
            f"The order is {order.state.replace('_', ' ')}: only an approved one is paid.", code="not_payable"
        )
    if standing is not None and standing.state == "captured":
        return standing
    # The key names the order and the attempt: a request repeated after a crash finds the first intent again.
    key = f"{order.code}:{payment_store.failed_payments(unit, order.id)}"
    intent = gateway.create_intent(intent_params(order.total_cents, "EUR", order.code), key)
    payment = standing or payment_store.insert_payment(
        unit,
        code=new_code("pay"),
        order_id=order.id,
        advertiser_id=order.advertiser_id,
        gateway=gateway.name,
        gateway_reference=intent.reference,
        amount_cents=order.total_cents,
    )
    if intent.state == "captured":
        unit.enqueue("book_payment", payment.id)
    if standing is None:
        record(unit, "payment.started", "payment", payment.code, order=order.code, cents=payment.amount_cents)
    return replace(payment, checkout=intent.checkout)


def find_payment(unit: UnitOfWork, order_code: str) -> Payment | None:
    """The payment of an order, waiting or captured, if there is one."""
    return payment_store.standing_payment(unit, find_order(unit, order_code).id)


def book_payment(database: Database, settings: Settings, gateway: Gateway, payment_id: int) -> None:
    """Read a payment again at the gateway and book what it says, once however often it is called.

    Captured: deposit invoice (386), bank entry, order paid and its mailing scheduled. If the order was cancelled
    meanwhile the whole deposit is credited. Raises `IntegrityFault` (`payment_amount`) when the gateway received
    another amount than the order's.
    """
    with database.begin() as unit:
        waiting = payment_store.payment(unit, payment_id)
    if waiting is None or waiting.state != "pending":
        return
    intent = gateway.read_intent(waiting.gateway_reference)
    with database.begin() as unit:
        payment = payment_store.lock_payment(unit, payment_id)
        if payment is None or payment.state != "pending":
            return
        payment_store.processed(unit, payment.gateway_reference)
        if intent.state == "captured":
            if (intent.received_cents, intent.currency) != (payment.amount_cents, "EUR"):
                raise IntegrityFault(
                    f"The gateway received {intent.received_cents} cents of {intent.currency} for payment"
                    f" {payment.code}, which asked for {payment.amount_cents} cents of EUR.",
                    code="payment_amount",
                )
            _book(unit, settings, payment)
        elif intent.state == "failed":
            payment_store.set_payment_state(unit, payment.id, "failed")
            record(unit, "payment.failed", "payment", payment.code)


def _book(unit: UnitOfWork, settings: Settings, payment: Payment) -> None:
    payment_store.set_payment_state(unit, payment.id, "captured")
    order = locked_order(unit, payment.order_code)
    _deposit(unit, settings, payment, order)
    if order.state == "approved":
        advance_order(unit, order.id, "paid")
        schedule_order(unit, order.id)
    elif order.contract_role == "agent_of_advertiser":
        lines = funds_back_lines(order.total_cents, order.advertiser_id)
        label = f"Fonds non utilisés, commande {order.code}"
        post(unit, "OD", unit.today, payment.code, label, lines, f"funds_back:{order.code}")
        match_settled(unit, "467", order.advertiser_id, [f"payment:{payment.code}", f"funds_back:{order.code}"])
    else:
        credit_deposit(unit, settings, order.id, order.net_cents, order.vat_cents)
        letter_deposit(unit, order.id, payer_id(unit, order.id, order.advertiser_id))
    unit.enqueue("book_card_money", payment.id)  # its fee, and what happened to it meanwhile
    record(unit, "payment.captured", "payment", payment.code, order=order.code, cents=payment.amount_cents)


def _deposit(unit: UnitOfWork, settings: Settings, payment: Payment, order: Order) -> None:
    """The deposit invoice and its entry; as agent of the advertiser the money is its funds and has no invoice."""
    key = f"payment:{payment.code}"
    if order.contract_role == "agent_of_advertiser":
        lines = funds_lines(order.total_cents, order.advertiser_id)
        post(unit, "BQ", unit.today, payment.code, f"Fonds du mandant, commande {order.code}", lines, key)
        return
    advertiser = party(unit, payer_id(unit, order.id, order.advertiser_id))
    owner = party(unit, order.owner_id) if order.contract_role == "agent_of_owner" else None
    regime = vat_of_sale(settings, advertiser) if owner is None else vat_between(settings, owner, advertiser)
    label = text("deposit", advertiser.language, order=order.code, volume=order.sends, title=order.card_title)
    invoice = issue(
        unit,
        settings,
        Draft(
            kind="deposit",
            other=advertiser,
            lines=(InvoiceLine(1, label, order.sends, order.gross_micros, order.net_cents),),
            vat_bp=order.vat_bp,
            vat_cents=order.vat_cents,
            regime=regime.regime,
            order_id=order.id,
            role="principal" if owner is None else "agent_of_owner",
            on_behalf_of=owner,
            mandate=None if owner is None else mandate_on(unit, owner.id, unit.today),
        ),
    )
    if owner is None:
        lines = deposit_lines(order.net_cents, order.vat_cents, advertiser.id)
    else:
        lines = owner_deposit_lines(order.total_cents, owner.id)
    post(unit, "BQ", invoice.issued_on, invoice.number, f"Acompte, commande {order.code}", lines, key)
