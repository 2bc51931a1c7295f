"""End orders whose further uses were sent, given up or not taken in time: what was prepaid for them is credited."""

from __future__ import annotations

from broker.billing.invoices import charge_store, invoice_store
from broker.billing.invoices.parties import payer_id
from broker.billing.settle_agent import give_funds_back
from broker.billing.unused import credit_deposit, letter_deposit
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings
from broker.rentals.advance import advance_order
from broker.rentals.terms_store import lapsed_orders


def end_lapsed_orders(unit: UnitOfWork, settings: Settings) -> int:
    """Settle sent orders with nothing open any more; returns how many. For the sweep."""
    ended = 0
    for order_id in lapsed_orders(unit):
        order = charge_store.lock_order(unit, order_id)
        if order is None or order.state != "sent" or not lapsed_orders(unit, order_id):
            continue
        deposit = invoice_store.deposit_of(unit, order_id)
        posted = invoice_store.invoiced(unit, order_id)
        if order.contract_role == "agent_of_advertiser":
            give_funds_back(unit, order_id, order.code, order.advertiser_id)
        elif deposit is not None:
            net, vat = deposit.net_cents - posted.main_net, deposit.vat_cents - posted.main_vat
            if net > 0:
                credit_deposit(unit, settings, order_id, net, vat)
            letter_deposit(unit, order_id, payer_id(unit, order_id, order.advertiser_id))
        advance_order(unit, order_id, "settled", "no use of it is left")
        ended += 1
    return ended
