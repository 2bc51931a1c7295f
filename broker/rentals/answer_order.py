"""Job: try an owner's rules on an order that was placed; what no rule answers waits for a person."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict
from broker.rentals import approval_store, review_store, store
from broker.rentals.approval_model import FIRST_MESSAGE, deciding_rule
from broker.rentals.approve import approve_by_rule, refuse_by_rule
from broker.rentals.find import locked_order_by_id
from broker.rentals.model import Order
from broker.rentals.tell import tell_owner_to_answer


def answer_order(database: Database, order_id: int) -> None:
    """Refuse, approve or leave an order by its owner's rules; run again, it finds the order answered.

    It acts as the owner: the audit has the answer in the owner's name, with the rule that made it. A refusal by rule
    wins over everything; once a person has asked for a change, no rule approves any more.
    """
    with database.begin() as unit:
        order = store.order_by_id(unit, order_id)
    if order is None or order.state != "ordered":
        return
    try:
        with database.begin(Actor("owner", order.owner_id, name="rule")) as unit:
            _answer(unit, order.id)
    except Conflict as refusal:  # a kept day, a signature that is missing: the owner decides
        with database.begin(Actor("owner", order.owner_id, name="rule")) as unit:
            _leave(unit, locked_order_by_id(unit, order.id), refusal.code)


def _answer(unit: UnitOfWork, order_id: int) -> None:
    order = locked_order_by_id(unit, order_id)
    review = review_store.review_of(unit, order_id)
    if order.state != "ordered" or review is None or review.change_text is not None:
        return
    rule = deciding_rule(approval_store.rules_of(unit, order.owner_id), approval_store.asked_of(unit, order))
    if rule is not None and rule.effect == "refuse":
        refuse_by_rule(unit, order, rule.code, rule.reason)
    elif review.rounds:
        _leave(unit, order, "change_was_asked")
    elif rule is not None:
        approve_by_rule(unit, order, rule.code)
    elif _needs_no_reading(unit, order):
        approve_by_rule(unit, order, FIRST_MESSAGE)
    else:
        _leave(unit, order, "")


def _needs_no_reading(unit: UnitOfWork, order: Order) -> bool:
    """The card asks for an advertiser's first message only, and a person has approved one of it on this base."""
    approval, _ = approval_store.card_approval(unit, order.card_id)
    return approval == FIRST_MESSAGE and approval_store.approved_before(unit, order)


def _leave(unit: UnitOfWork, order: Order, why: str) -> None:
    """Have a person answer, who is told so: once, however often the rules are tried."""
    review = review_store.review_of(unit, order.id)
    if order.state != "ordered" or review is None or review.change_text is not None:
        return
    review_store.looked_at(unit, order.id)
    tell_owner_to_answer(unit, order, review.rounds)
    if why:
        record(unit, "order.left_to_person", "rental_order", order.code, why=why)
