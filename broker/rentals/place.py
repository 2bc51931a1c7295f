"""Place a quoted order with a signed creative."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.rentals import store
from broker.rentals.availability import hold_day
from broker.rentals.find import find_order, locked_order, signed_creative
from broker.rentals.model import Order, require_transition
from broker.rentals.quote import Counter
from broker.rentals.regulated import check_order_creative
from broker.rentals.review import open_review


def place_order(unit: UnitOfWork, order_code: str, creative_code: str, audience: Counter | None = None) -> Order:
    """Turn a quote into an order that its owner is asked to approve; its contacts are held on its day meanwhile.

    Every door gives the audience process: it is asked whether the names are still free on the day (`hold_day`). Raises
    `Conflict`: `quote_expired`, `card_retired`, `creative_not_signed`, `send_date_passed`, `order_state`, `not_free`,
    `sector_forbidden`, `sector_wording`; `InvalidInput`: `age_select_needed`.
    """
    unit.actor.require("advertiser")
    order = locked_order(unit, order_code)
    if (order.state == "quote" and order.valid_until < unit.now) or order.state == "expired":
        raise Conflict("This quote has expired. Ask for a new one.", code="quote_expired")
    require_transition(order, "ordered")
    card = store.card_terms(unit, order.card_code)
    if card is None or card.state != "published":
        raise Conflict("The card of this quote is no longer offered.", code="card_retired")
    if order.send_on is not None and order.send_on < unit.today:
        raise Conflict("The send date of this quote has passed. Ask for a new one.", code="send_date_passed")
    creative_id = signed_creative(unit, creative_code, order.advertiser_id)
    check_order_creative(unit, order, creative_id)
    if audience is not None:
        hold_day(unit, audience, order)
    store.set_state(unit, order.id, "ordered", creative_id=creative_id)
    open_review(unit, order)
    record(unit, "order.placed", "rental_order", order.code, creative=creative_code)
    return find_order(unit, order.code)
