"""Find orders that the actor is a party of."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
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
