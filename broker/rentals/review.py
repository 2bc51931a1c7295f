"""Who is to answer an order until when; the owner asks for a change, and the advertiser makes it."""

from __future__ import annotations

from datetime import date

from broker.audit.record import record
from broker.bases.calendar import working_days_after
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.notifications.notify import notify
from broker.rentals import approval_store, review_store, signature_store
from broker.rentals.approval_model import Decision, Review
from broker.rentals.find import find_order, locked_order, order_to_answer, require_party, signed_creative
from broker.rentals.model import Order
from broker.rentals.regulated import check_order_creative
from broker.rentals.thread import write_as_party

LONGEST_CHANGE = 2_000
LEAST_CHANGE_DAYS = 2  # working days: a message is not rewritten and signed within the hour


def open_review(unit: UnitOfWork, order: Order) -> None:
    """An order was placed: its owner answers within the card's working days; after a grace it expires."""
    _, days = approval_store.card_approval(unit, order.card_id)
    due, last = _days(unit, order, days)
    review_store.open_review(unit, order, days, due, last)
    unit.enqueue("answer_order", order.id)


def find_review(unit: UnitOfWork, order: Order) -> Review | None:
    """Until when it is to be answered and by whom; None of a quote, and of an order that was answered."""
    return review_store.review_of(unit, order.id) if order.state == "ordered" else None


def decisions(unit: UnitOfWork, order: Order) -> list[Decision]:
    """What was decided of an order, by whom or by which rule; nothing for its advertiser."""
    return approval_store.decisions_of(unit, order.id)


def ask_change(unit: UnitOfWork, code: str, text: str) -> Review:
    """Ask the advertiser for another message before answering. Raises `order_state`, `change_missing`."""
    order = order_to_answer(unit, code)
    _require_ordered(order)
    wish = text.strip()
    if not wish or len(wish) > LONGEST_CHANGE:
        raise InvalidInput(
            f"Say in 1 to {LONGEST_CHANGE:,} characters what to change.", code="change_missing", field="text"
        )
    before = _review(unit, order)
    write_as_party(unit, order, wish)
    due, last = _days(unit, order, max(before.answer_days, LEAST_CHANGE_DAYS))
    review_store.ask_change(unit, order.id, wish, due, last)
    approval_store.insert_decision(unit, order, "change", reason=wish)
    record(unit, "order.change_asked", "rental_order", order.code)
    notify(unit, "order.change_asked", order.advertiser_id, order.code, card=order.card_title, reason=wish)
    return _review(unit, order)


def make_change(unit: UnitOfWork, code: str, creative_code: str, note: str = "") -> Order:
    """Answer a change with another signed creative; the owner is asked again, and the order is signed anew.

    Raises `Conflict` (`no_change_asked`, `same_creative`, `creative_not_signed`, `order_state`), `NotFound`.
    """
    unit.actor.require("advertiser")
    order = locked_order(unit, code)
    require_party(unit, order.advertiser_id, "Only the advertiser changes the message of its order.")
    _require_ordered(order)
    review = _review(unit, order)
    if review.change_text is None:
        raise Conflict("The owner asks for no change of this order (any more). Load it again.", code="no_change_asked")
    creative_id = signed_creative(unit, creative_code, order.advertiser_id)
    if creative_id == order.creative_id:
        raise Conflict(
            "This is the creative that the owner has read. Copy it, change the copy, sign that and choose it here.",
            code="same_creative",
            field="creative",
        )
    check_order_creative(unit, order, creative_id)
    signature_store.supersede(unit, order.id)
    review_store.set_creative(unit, order.id, creative_id)
    due, last = _days(unit, order, review.answer_days)
    review_store.end_change(unit, order.id, due, last)
    if note.strip():
        write_as_party(unit, order, note)
    unit.enqueue("answer_order", order.id)
    record(unit, "order.change_made", "rental_order", order.code, creative=creative_code)
    return find_order(unit, code)


def _require_ordered(order: Order) -> None:
    if order.state != "ordered":
        raise Conflict(
            f"The order {order.code} is {order.state.replace('_', ' ')}, and only one that waits for its owner can be"
            " changed. Load it again to see who acted.",
            code="order_state",
            details={"state": order.state},
        )


def _review(unit: UnitOfWork, order: Order) -> Review:
    found = review_store.review_of(unit, order.id)
    if found is None:
        raise NotFound(f"Nobody is asked about the order {order.code}.", code="no_review")
    return found


def _days(unit: UnitOfWork, order: Order, days: int) -> tuple[date, date]:
    """(due, last): not after the send date, when the order expires anyway."""
    grace = approval_store.policy_of(unit, order.owner_id).grace_days
    due = working_days_after(unit.today, days)
    last = working_days_after(due, grace)
    latest = max(order.send_on or date.max, unit.today)
    return min(due, latest), min(last, latest)
