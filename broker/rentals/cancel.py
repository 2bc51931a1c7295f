"""Withdraw from an order before its mailing is planned, and let quotes expire."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden
from broker.rentals import store
from broker.rentals.find import find_order, locked_order
from broker.rentals.model import Order, require_transition, transition
from broker.rentals.tell import tell_parties

_WITH_MAILING = ("paid", "scheduled", "sending")


def cancel_order(unit: UnitOfWork, code: str, reason: str = "") -> Order:
    """Withdraw from an order: the advertiser until its mailing is planned, the owner once it has approved.

    Afterwards it ends with its mailing (`mailings/withdraw.py`, which every door calls); here that is a `Conflict`
    (`cancel_the_mailing`). Raises `order_state`, `order_party` as well.
    """
    unit.actor.require("advertiser", "owner")
    order = locked_order(unit, code)
    if order.state in _WITH_MAILING:
        raise Conflict(
            "The mailing of this order has just been planned. Load the order again, then stop it with its mailing.",
            code="cancel_the_mailing",
        )
    require_transition(order, "cancelled")
    step = transition(order.state, "cancelled")
    assert step is not None
    allowed = [order.advertiser_id if party == "advertiser" else order.owner_id for party in step.parties]
    if unit.actor.role != "system" and unit.actor.org not in allowed:
        raise Forbidden(f"Only the {' or the '.join(step.parties)} may cancel this order now.", code="order_party")
    store.set_state(unit, order.id, "cancelled", refusal=reason.strip() or None)
    record(unit, "order.cancelled", "rental_order", order.code, reason=reason.strip())
    tell_parties(unit, order, "cancelled", reason)
    return find_order(unit, code)


def expire_orders(unit: UnitOfWork) -> int:
    """Close quotes past their validity and orders unanswered on their send date; return how many. For the sweep."""
    overdue = store.overdue(unit, unit.today)
    for order_id, code in overdue:
        order = store.order_by_id(unit, order_id)
        store.set_state(unit, order_id, "expired")
        record(unit, "order.expired", "rental_order", code)
        if order is not None:
            tell_parties(unit, order, "expired")
    return len(overdue)
