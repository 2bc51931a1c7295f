"""Book what a payment brought, by where its order stands when the money is there."""

from __future__ import annotations

from broker.audit.record import record
from broker.billing.gateway import card_store, payment_store
from broker.billing.gateway.returned_debit import funds_of
from broker.billing.invoices import invoice_store
from broker.billing.invoices.entries import deposit_lines
from broker.billing.invoices.entries_agent import THIRD_PARTY, funds_back_lines, funds_lines, owner_deposit_lines
from broker.billing.invoices.issue import Draft, issue
from broker.billing.invoices.labels import text
from broker.billing.invoices.mandates import mandate_on
from broker.billing.invoices.parties import party, payer_id, vat_between, vat_of_sale
from broker.billing.invoices.receipt_store import insert as insert_receipt
from broker.billing.model import InvoiceLine, Payment
from broker.billing.unused import credit_deposit, letter_deposit
from broker.kernel.database import UnitOfWork
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.ledger.matching import match_settled
from broker.ledger.model import credit, debit
from broker.ledger.post import post
from broker.mailings.schedule import schedule_order
from broker.rentals.advance import advance_order
from broker.rentals.find import locked_order
from broker.rentals.model import Order

ON_CREDIT = ("on_credit", "scheduled", "sending", "sent")


def book_capture(unit: UnitOfWork, settings: Settings, payment: Payment) -> None:
    """Once, in the transaction that moves the payment to `captured`.

    An approved order is paid: deposit invoice (386), and its mailing is scheduled. One that went on while its debit was
    under way gets its deposit invoice too, which the final one deducts; one that is invoiced already, be it in part,
    has the money as a receipt. What pays a debit that was returned settles that claim. A cancelled order's deposit is
    credited.
    """
    payment_store.set_payment_state(unit, payment.id, "captured")
    order = locked_order(unit, payment.order_code)
    returned = payment_store.was_returned(unit, order.id)
    if returned and not (funds_of(unit, returned) and payment_store.has_open(unit, order.id)):
        _again(unit, payment, payer_id(unit, order.id, order.advertiser_id), returned)
    elif returned or invoice_store.on_credit_before(unit, order.id):  # funds are gone, and documents open
        _as_receipt(unit, payment, order)
    else:
        _deposit(unit, settings, payment, order)
        if order.state == "approved":
            advance_order(unit, order.id, "paid")
            schedule_order(unit, order.id)
        elif order.state not in ON_CREDIT:
            _unused(unit, settings, payment, order)
    unit.enqueue("book_card_money", payment.id)  # its fee, and what happened to it meanwhile
    record(unit, "payment.captured", "payment", payment.code, order=order.code, cents=payment.amount_cents)


def _again(unit: UnitOfWork, payment: Payment, payer: int, returned: str) -> None:
    """D 512 / C 411, or 467 of a mandator: the claim that a returned debit left is paid. The two are lettered."""
    key, account = f"payment:{payment.code}", "411"
    if funds_of(unit, returned):
        account, payer = THIRD_PARTY, payment.advertiser_id
    lines = [debit("512", payment.amount_cents), credit(account, payment.amount_cents, payer)]
    post(unit, "BQ", unit.today, payment.code, f"Nouveau paiement, commande {payment.order_code}", lines, key)
    match_settled(unit, account, payer, [key, *card_store.returned_keys(unit, returned)])


def _as_receipt(unit: UnitOfWork, payment: Payment, order: Order) -> None:
    """The order was invoiced on credit: the money is booked as any other that pays its invoices, their VAT falls due
    with it, and what is too much waits in suspense."""
    receipt = insert_receipt(
        unit,
        new_code("rcpt"),
        unit.today,
        payment.amount_cents,
        payment.gateway_reference,
        party(unit, order.advertiser_id).name,
    )
    payment_store.share_receipt(unit, receipt, order.id, payment.amount_cents)
    unit.enqueue("book_receipt", receipt)


def _unused(unit: UnitOfWork, settings: Settings, payment: Payment, order: Order) -> None:
    """The order ended meanwhile: all of it is owed back."""
    if order.contract_role == "agent_of_advertiser":
        lines = funds_back_lines(order.total_cents, order.advertiser_id)
        label = f"Fonds non utilisés, commande {order.code}"
        post(unit, "OD", unit.today, payment.code, label, lines, f"funds_back:{order.code}")
        match_settled(unit, "467", order.advertiser_id, [f"payment:{payment.code}", f"funds_back:{order.code}"])
    else:
        credit_deposit(unit, settings, order.id, order.net_cents, order.vat_cents)
        letter_deposit(unit, order.id, payer_id(unit, order.id, order.advertiser_id))


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
