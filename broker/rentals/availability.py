"""What is free on an order's day; options and reservations hold it.

A quote keeps nobody. An option on it, once taken, keeps its volume on its day for a few days; placing the order renews
it; the owner's approval reserves until the send. Counts and quotes are net of all of them (audience/reservations.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings
from broker.rentals import terms_store as store
from broker.rentals.find import find_order, locked_order
from broker.rentals.model import Order
from broker.rentals.quote import Counter

HELD_STATES = ("approved", "paid", "on_credit", "scheduled")


@dataclass(frozen=True, slots=True)
class Availability:
    """What is free of an order's audience on its day: a guarded figure, 0 below what may be shown, besides what the
    order itself holds. `held`: none, option (until `held_until`) or reserved."""

    send_on: date | None
    volume: int
    free: int
    held: str
    held_until: datetime | None


def find_availability(unit: UnitOfWork, audience: Counter, code: str) -> Availability:
    """For the order's own advertiser, whose guarded figures these are. Raises `no_send_date`."""
    unit.actor.require("advertiser")
    order = find_order(unit, code)
    if order.send_on is None:
        raise Conflict("This order has no send date: its names are drawn when it is paid.", code="no_send_date")
    return Availability(order.send_on, order.volume, _free(unit, audience, order), held_of(order), order.held_until)


def held_of(order: Order) -> str:
    """Whether an order's contacts are kept for it: `none`, `option` or `reserved`."""
    if order.send_on is not None and order.state in HELD_STATES:
        return "reserved"
    return "option" if order.held_until is not None and order.state in ("quote", "ordered") else "none"


def take_option(unit: UnitOfWork, audience: Counter, settings: Settings, code: str) -> Order:
    """Hold a quote's contacts on its day for the days of an option, once.

    Raises `Conflict`: `no_send_date`, `option_taken`, `too_many_options`, `not_free`, `order_state`, `quote_expired`.
    """
    unit.actor.require("advertiser")
    order = locked_order(unit, code)
    if order.state != "quote":
        raise Conflict(
            f"The order {code} is {order.state.replace('_', ' ')}: an option is taken on a quote.", code="order_state"
        )
    if order.valid_until < unit.now:
        raise Conflict("This quote has expired. Ask for a new one.", code="quote_expired")
    if order.send_on is None:
        raise Conflict("An option is for a day: ask for a quote with a send date.", code="no_send_date")
    if store.open_options(unit, order.base_id, order.advertiser_id) >= settings.trade.most_options:
        raise Conflict(
            f"You hold {settings.trade.most_options} options on this base already. Order one of them, or wait until one"
            " has lapsed.",
            code="too_many_options",
        )
    hold_day(unit, audience, order)
    if not store.take_option(unit, order.id):
        raise Conflict(
            "An option was taken on this quote already: order it, or ask for a new one.", code="option_taken"
        )
    record(unit, "order.option", "rental_order", code, send_on=order.send_on.isoformat(), days=order.option_days)
    return find_order(unit, code)


def hold_day(unit: UnitOfWork, audience: Counter, order: Order) -> None:
    """Make sure, before the caller holds an order's contacts, that they are free on its day; `Conflict` (`not_free`).

    Two who ask at once for the same people stand in line here. An order up to its volume takes what there is, as long
    as the figure can be shown; nobody is asked twice who holds already.
    """
    if order.send_on is None:
        return
    store.lock_days(unit, order.base_id)
    if store.held_until(unit, order.id) is not None:
        return
    free = _free(unit, audience, order)
    if free >= order.volume or (order.shortfall == "up_to" and free > 0):
        return
    shown = f"About {free:,} of these names are" if free else "Fewer of these names than may be shown are"
    raise Conflict(
        f"{shown} free on {order.send_on}; {order.volume:,} were quoted. Others hold them meanwhile: ask for a quote"
        " of fewer names, or for another day.",
        code="not_free",
        details={"free": free, "send_on": order.send_on.isoformat()},
    )


def _free(unit: UnitOfWork, audience: Counter, order: Order) -> int:
    rule = store.select_rule_of(unit, order.id)
    return int(audience.count_for_advertiser(order.advertiser_id, order.card_id, rule, order.send_on)["shown"])
