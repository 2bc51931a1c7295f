"""The steps that follow from facts of later rooms: payment, scheduling, sending, settlement."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.rentals import store
from broker.rentals.find import locked_order_by_id
from broker.rentals.model import Order, OrderState, require_transition
from broker.rentals.tell import tell_parties


def advance_order(unit: UnitOfWork, order_id: int, state: OrderState, reason: str = "") -> Order:
    """Move an order to `state`, or leave it when it is there already (jobs run twice); return it as it was.

    Raises `Conflict` (`order_state`) for a step that the state table does not have.
    """
    order = locked_order_by_id(unit, order_id)
    if order.state != state:
        require_transition(order, state)
        store.set_state(unit, order.id, state)
        record(unit, f"order.{state}", "rental_order", order.code, reason=reason)
        tell_parties(unit, order, state, reason)
    return order
