"""The owner's answer to an order: approve or refuse."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases.keep_days import require_free
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden, InvalidInput
from broker.rentals import store
from broker.rentals.find import find_order, locked_order
from broker.rentals.model import Order, require_transition


def approve_order(unit: UnitOfWork, code: str) -> Order:
    """Accept the advertiser and its creative; the prepayment may then be taken.

    The order's row is locked and its state looked at again: of two answers given at once the second is refused
    (`Conflict`, `order_state`). So is a send date that the owner keeps for itself (`day_kept` and its kin).
    """
    order = _asked(unit, code)
    require_transition(order, "approved")
    if order.send_on is not None:
        require_free(unit, order.base_id, order.send_on)
    store.set_state(unit, order.id, "approved")
    record(unit, "order.approved", "rental_order", order.code)
    return find_order(unit, code)


def refuse_order(unit: UnitOfWork, code: str, reason: str) -> Order:
    """Refuse an order, with a reason that the advertiser reads."""
    order = _asked(unit, code)
    if not reason.strip():
        raise InvalidInput("Give the reason of the refusal.", code="reason_missing", field="reason")
    require_transition(order, "refused")
    store.set_state(unit, order.id, "refused", refusal=reason.strip())
    record(unit, "order.refused", "rental_order", order.code, reason=reason.strip())
    return find_order(unit, code)


def _asked(unit: UnitOfWork, code: str) -> Order:
    unit.actor.require("owner")
    order = locked_order(unit, code)
    if unit.actor.role != "system" and order.owner_id != unit.actor.org:
        raise Forbidden("Only the owner of the base may answer this order.", code="order_party")
    return order
