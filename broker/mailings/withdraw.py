"""Withdraw from an order at any time until its last mail has left: alone at first, with its mailing once it has one."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden
from broker.mailings import send_store as store
from broker.mailings.cancel import cancel_mailing
from broker.mailings.model import TRANSITIONS
from broker.rentals.cancel import cancel_order
from broker.rentals.find import find_order
from broker.rentals.model import Order

_WITH_MAILING = ("paid", "scheduled", "sending")


def withdraw_order(unit: UnitOfWork, code: str, reason: str = "") -> Order:
    """End an order as one of its parties; `reason` is for the other one.

    Before its mailing is planned as `cancel_order`. From then on until its last mail has left, advertiser and owner may
    both stop the mailing, and the order is cancelled with it: where nothing has left nothing is billed, the deposit is
    credited and its contacts are free again; else what has left is billed and the rest credited. A further use of a
    licence ends alone. Raises `Conflict` (`order_state`), `Forbidden` (`order_party`).
    """
    unit.actor.require("advertiser", "owner")
    order = find_order(unit, code)
    if order.state not in _WITH_MAILING:
        return cancel_order(unit, code, reason)
    if unit.actor.role != "system" and unit.actor.org not in (order.advertiser_id, order.owner_id):
        raise Forbidden("Only the parties of an order may cancel it.", code="order_party")
    mailings = store.mailings_of_order(unit, order.id)
    under_way = [row.code for row in mailings if "cancelled" in TRANSITIONS[row.state]]
    if not under_way:
        raise Conflict(
            "Nothing of this order is planned any more that could be stopped. Load it again.", code="order_state"
        )
    cancel_mailing(unit, under_way[0], reason)
    return find_order(unit, code)
