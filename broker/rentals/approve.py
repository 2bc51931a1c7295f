"""The owner's answer to an order: approve or refuse, by a person or by a rule of the owner's."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases.keep_days import require_free
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.rentals import approval_store, review_store, signature_store, store
from broker.rentals.find import find_order, order_to_answer
from broker.rentals.model import Order, require_transition
from broker.rentals.tell import tell_answered_by_rule, tell_parties


def approve_order(unit: UnitOfWork, code: str, creative_code: str = "") -> Order:
    """Accept the advertiser and its creative; the prepayment may then be taken.

    The order's row is locked and its state looked at again: of two answers given at once the second is refused
    (`Conflict`, `order_state`). `creative_code` is the creative that was read: where the advertiser has put another in
    its place meanwhile, nothing is approved (`creative_replaced`). A send date that the owner keeps is refused
    (`day_kept` and its kin), and so is an unsigned order where the owner asks for signed ones (`order_not_signed`).
    """
    order = order_to_answer(unit, code)
    if creative_code and creative_code != order.creative_code:
        raise Conflict(
            "The advertiser has put another message in the place of the one you read. Read it, then answer.",
            code="creative_replaced",
        )
    _approve(unit, order)
    record(unit, "order.approved", "rental_order", order.code, creative=order.creative_code)
    return find_order(unit, code)


def approve_by_rule(unit: UnitOfWork, order: Order, rule: str) -> None:
    """The same by a rule, for the job that tries them; the order is locked."""
    _approve(unit, order, rule)
    tell_answered_by_rule(unit, order, "approved")
    record(unit, "order.approved", "rental_order", order.code, creative=order.creative_code, automatic=True, rule=rule)


def refuse_order(unit: UnitOfWork, code: str, reason: str) -> Order:
    """Refuse an order, with a reason that the advertiser reads."""
    order = order_to_answer(unit, code)
    if not reason.strip():
        raise InvalidInput("Give the reason of the refusal.", code="reason_missing", field="reason")
    _refuse(unit, order, reason.strip())
    record(unit, "order.refused", "rental_order", order.code, reason=reason.strip())
    return find_order(unit, code)


def refuse_by_rule(unit: UnitOfWork, order: Order, rule: str, reason: str) -> None:
    """The same by a rule, for the job that tries them; the order is locked."""
    _refuse(unit, order, reason, rule)
    tell_answered_by_rule(unit, order, "refused")
    record(unit, "order.refused", "rental_order", order.code, reason=reason, automatic=True, rule=rule)


def _approve(unit: UnitOfWork, order: Order, rule: str = "") -> None:
    require_transition(order, "approved")
    if order.send_on is not None:
        require_free(unit, order.base_id, order.send_on)
    if approval_store.policy_of(unit, order.owner_id).signed_orders and not signature_store.is_signed(unit, order.id):
        raise Conflict(
            "You approve signed orders only, and the advertiser has not signed this one yet.", code="order_not_signed"
        )
    store.set_state(unit, order.id, "approved")
    approval_store.insert_decision(unit, order, "approved", rule=rule)
    review_store.end_change(unit, order.id)
    tell_parties(unit, order, "approved")


def _refuse(unit: UnitOfWork, order: Order, reason: str, rule: str = "") -> None:
    require_transition(order, "refused")
    store.set_state(unit, order.id, "refused", refusal=reason)
    approval_store.insert_decision(unit, order, "refused", rule=rule, reason=reason)
    review_store.end_change(unit, order.id)
    tell_parties(unit, order, "refused", reason)
