"""A direct debit that the payer's bank took back after it had succeeded: within eight weeks without a reason, within
thirteen months where it was never authorised (SEPA Core rulebook 4.3). Nobody can win against it."""

from __future__ import annotations

from broker.billing.gateway import card_store, payment_store
from broker.billing.gateway.tell_payer import tell_payer
from broker.billing.invoices.entries_agent import THIRD_PARTY
from broker.billing.model import Payment
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.ledger.store import entry_balance
from broker.mailings.list_sends import mailings_of_order
from broker.mailings.pause import pause_mailing


def funds_of(unit: UnitOfWork, payment: str) -> bool:
    """Whether a payment brought the funds of an advertiser whose agent we are (467): no sale stands behind them."""
    return card_store.role_of(unit, payment) == "agent_of_advertiser" and bool(
        entry_balance(unit, f"payment:{payment}", THIRD_PARTY)
    )


def take_back(unit: UnitOfWork, payment: Payment) -> None:
    """The payer owes again; what has not left of the order's mailings is paused until the broker resumes it."""
    payment_store.set_payment_state(unit, payment.id, "returned")
    for code, state in mailings_of_order(unit, payment.order_id):
        if state in ("frozen", "sending"):
            try:
                with unit.session.begin_nested():
                    pause_mailing(unit, code)
            except CourtierError:  # it ended meanwhile: nothing is left to be paused
                continue
    tell_payer(unit, "payment.returned", payment)
