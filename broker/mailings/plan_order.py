"""The retroplanning of one order, and what of a viewer's orders is due or late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from broker.bases.model import Base
from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.mailings import plan_store
from broker.mailings.retroplan import PlannedStep, plan
from broker.rentals.find import find_order
from broker.rentals.model import Order

# Name of an event in the plan, by the order's state that brings it.
_EVENTS = {
    "quote": "quoted", "ordered": "placed", "approved": "approved", "paid": "paid", "on_credit": "paid",
    "scheduled": "scheduled", "sent": "sent", "settled": "settled",
}  # fmt: skip
ENDED = ("refused", "cancelled", "expired")


def plan_order(unit: UnitOfWork, code: str) -> tuple[Order, list[PlannedStep]]:
    """The order and its steps; none without a send date."""
    order = find_order(unit, code)
    if order.send_on is None:
        return order, []
    return order, plan(order.send_on, unit.today, events_of(unit, order), dropped=order.state in ENDED)


def events_of(unit: UnitOfWork, order: Order) -> dict[str, date]:
    """What has happened: the order's states; its creative made, checked, signed; recipients drawn; the legal report."""
    moments = {_EVENTS[state]: at for state, at in plan_store.order_events(unit, order.id) if state in _EVENTS}
    if order.creative_id is not None:
        created, signed = plan_store.creative_moments(unit, order.creative_id)
        moments |= {"creative": created, "checked": created}
        if signed is not None:
            moments["signed"] = signed
    drawn, reported = plan_store.mailing_moments(unit, order.id)
    moments |= {name: at for name, at in (("drawn", drawn), ("reported", reported)) if at is not None}
    return {event: at.astimezone(PARIS).date() for event, at in moments.items()}


def planned_sends(unit: UnitOfWork, base: Base, start: date, end: date) -> list[plan_store.PlannedSend]:
    """What partners send to a base of the actor's in a span of days."""
    unit.actor.require("owner")
    return plan_store.planned_sends(unit, base.id, start, end)


def waiting_for(unit: UnitOfWork, orders: Sequence[Order]) -> list[tuple[Order, PlannedStep]]:
    """Steps of the viewer's own hand that are due or late, the most urgent first."""
    found = []
    for order in orders:
        if order.send_on is None or order.state in ENDED:
            continue
        mine = "owner" if unit.actor.org == order.owner_id else "advertiser"
        steps = plan(order.send_on, unit.today, events_of(unit, order))
        found += [(order, step) for step in steps if step.who == mine and step.state in ("due", "late")]
    return sorted(found, key=lambda pair: pair[1].due_on)
