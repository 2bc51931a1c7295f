"""Stop a mailing for good."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden
from broker.mailings import store
from broker.mailings.find_mailing import find_mailing, move_mailing
from broker.mailings.model import Mailing
from broker.mailings.send_store import order_of_dispatch
from broker.rentals import store as rentals
from broker.rentals.tell import tell_parties


def cancel_mailing(unit: UnitOfWork, code: str, reason: str = "") -> Mailing:
    """Cancel: what has left stays counted and billed, all else is marked cancelled by a worker.

    An advertiser stops what it rented, before the first mail or in the middle; an affiliate send is its owner's. The
    order ends in the same step (docs/orders.md): the database moves it, whoever stops its mailing.
    """
    unit.actor.require("owner", "advertiser", "broker")
    found = find_mailing(unit, code)
    if unit.actor.role == "advertiser" and found.kind != "rental":
        raise Forbidden(
            "This send is its owner's to stop. Close your programme: then no further one is picked.",
            code="mailing_party",
        )
    # Its row is locked before it is looked at: delivery may be starting it at this moment.
    mailing = store.mailing_by_id(unit, found.id, lock=True) or found
    moved = move_mailing(unit, mailing, "cancelled")
    unit.enqueue("send_mailing", moved.id)
    record(unit, "mailing.cancelled", "mailing", code, reason=reason.strip())
    _say_what_became_of_its_order(unit, moved, reason.strip())
    return moved


def _say_what_became_of_its_order(unit: UnitOfWork, mailing: Mailing, reason: str) -> None:
    order_id = order_of_dispatch(unit, mailing.dispatch_id)
    order = None if order_id is None else rentals.order_by_id(unit, order_id)
    if order is None:
        return
    record(unit, f"order.{order.state}", "rental_order", order.code, reason=reason, mailing=mailing.code)
    if order.state == "cancelled":
        if reason and unit.actor.role != "broker":  # the broker writes into no order; its reason is told, and audited
            rentals.note_reason(unit, order.id, reason)
        tell_parties(unit, order, "cancelled", reason)
