"""Find orders that the actor is a party of."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, NotFound
from broker.kernel.paging import Page, offset
from broker.rentals import store
from broker.rentals.model import Order


def find_order(unit: UnitOfWork, code: str) -> Order:
    """An order by its code; `NotFound` for a stranger as for a code that does not exist."""
    order = store.order_by_code(unit, code)
    if order is None:
        raise NotFound(f"There is no order {code!r}.")
    return order


def list_orders(unit: UnitOfWork, state: str = "", page: int = 1, size: int = 50) -> Page[Order]:
    """The actor's orders, the newest first; all of them for the broker and the accountant."""
    orders = store.orders_page(unit, state, size, offset(page, size))
    return Page(orders, store.count_orders(unit, state), page, size)


def locked_order(unit: UnitOfWork, code: str) -> Order:
    """The order as it stands once nobody else can move it before our commit."""
    store.lock_order(unit, code)
    return find_order(unit, code)


def locked_order_by_id(unit: UnitOfWork, order_id: int) -> Order:
    """The same by its id, for jobs."""
    store.lock_order_by_id(unit, order_id)
    order = store.order_by_id(unit, order_id)
    if order is None:
        raise NotFound(f"There is no order of id {order_id}.")
    return order


def order_to_answer(unit: UnitOfWork, code: str) -> Order:
    """The order that its owner answers, locked. Raises `Forbidden` (`order_party`) for another owner."""
    unit.actor.require("owner")
    order = locked_order(unit, code)
    require_party(unit, order.owner_id, "Only the owner of the base may answer this order.")
    return order


def require_party(unit: UnitOfWork, org_id: int, sentence: str) -> None:
    """Refuse, with a sentence, whoever acts for another than this party of an order (`order_party`); jobs may."""
    if unit.actor.role != "system" and unit.actor.org != org_id:
        raise Forbidden(sentence, code="order_party")


def signed_creative(unit: UnitOfWork, code: str, advertiser_id: int) -> int:
    """The id of a creative of an advertiser's; raises `NotFound`, `Conflict` (`creative_not_signed`)."""
    creative = store.creative_of(unit, code, advertiser_id)
    if creative is None:
        raise NotFound(f"There is no creative {code!r} of yours.", field="creative")
    if creative.state != "signed":
        raise Conflict(
            "The creative is not signed. Sign its proof (BAT) first.", code="creative_not_signed", field="creative"
        )
    return int(creative.id)
