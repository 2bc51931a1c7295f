"""Reminders of the retroplanning: a step that is due soon, or late, is told to whoever has it in hand, once each."""

from __future__ import annotations

from datetime import timedelta

from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.mailings import plan_store
from broker.mailings.plan_order import events_of
from broker.mailings.retroplan import PlannedStep, plan
from broker.notifications.notify import notify
from broker.rentals import store as rentals
from broker.rentals.model import Order

FROM_HOUR = 7  # of Paris: nobody is reminded at midnight
FIRST, LAST = timedelta(days=60), timedelta(days=75)  # around the send: the longest plan fits well inside


def remind_of_steps(unit: UnitOfWork, from_hour: int = FROM_HOUR) -> int:
    """Remind of every step that is due or late today; how many steps were looked at for it.

    Each step reminds once when it is due and once when it is late; with another send date, anew.
    """
    if unit.now.astimezone(PARIS).hour < from_hour:
        return 0
    reminded = 0
    for order_id in plan_store.orders_under_plan(unit, unit.today - LAST, unit.today + FIRST):
        order = rentals.order_by_id(unit, order_id)
        if order is None or order.send_on is None:
            continue
        for step in plan(order.send_on, unit.today, events_of(unit, order)):
            if step.state in ("due", "late"):
                reminded += _remind(unit, order, step)
    return reminded


def _remind(unit: UnitOfWork, order: Order, step: PlannedStep) -> int:
    org_id = {"advertiser": order.advertiser_id, "owner": order.owner_id}.get(step.who)
    if org_id is None and step.state == "due":
        return 0  # what the platform does by itself is nobody's task until it is late
    if step.who == "owner" and order.state == "quote":
        return 0  # a quote is its advertiser's alone
    notify(
        unit,
        f"order.step_{step.state}",
        org_id,
        order.code,
        once=f"{step.code} {step.due_on.isoformat()}",
        step=step.code,
        due_on=step.due_on,
        card=order.card_title,
    )
    return 1
