"""One thread of messages an order: advertiser, owner and broker."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Forbidden
from broker.kernel.ids import new_code
from broker.notifications.notify import notify
from broker.rentals import thread_store as store
from broker.rentals.find import find_order
from broker.rentals.model import Order
from broker.rentals.thread_model import Message, UnreadThread, clean_message

# Facts of notifications have no language; the other side's name is not theirs to tell before the approval.
_WRITERS = {
    "advertiser": "L'annonceur / The advertiser",
    "owner": "Le propriétaire / The owner",
    "broker": "Le courtier / The broker",
}


def write_message(unit: UnitOfWork, order_code: str, text: str) -> list[Message]:
    """Write to the other parties of an order; returns the thread.

    On a quote the owner is no party yet and does not read what was written then either. Raises `empty_message`,
    `person_in_message`.
    """
    unit.actor.require("advertiser", "owner", "broker")
    order = find_order(unit, order_code)
    write_as_party(unit, order, text)
    return read_thread(unit, order_code)


def write_as_party(unit: UnitOfWork, order: Order, text: str) -> None:
    """The same within another verb."""
    party = store.party_in(unit, order.id)
    code = new_code("msg")
    if party is None or not store.insert_message(unit, code, order.id, clean_message(text), unit.actor.name):
        raise Forbidden("Only the parties of an order write about it.", code="order_party")
    record(unit, "order.message", "rental_order", order.code, message=code)
    readers = {"advertiser": order.advertiser_id, "broker": None}
    if order.state != "quote":
        readers["owner"] = order.owner_id
    for other, org in readers.items():
        if other != party:
            notify(unit, "order.message", org, order.code, writer=_WRITERS[party], card=order.card_title)


def read_thread(unit: UnitOfWork, order_code: str) -> list[Message]:
    """The messages of an order that the actor may read, the oldest first."""
    return store.thread_of(unit, find_order(unit, order_code).id)


def mark_read(unit: UnitOfWork, order_code: str) -> list[Message]:
    """Take the messages of an order as read by the acting person; returns the thread."""
    order = find_order(unit, order_code)
    messages = store.thread_of(unit, order.id)
    if messages:
        store.mark_read(unit, order.id, messages[-1].id)
    return store.thread_of(unit, order.id)


def unread_threads(unit: UnitOfWork) -> list[UnreadThread]:
    """Orders with messages that the acting person has not read, the latest first."""
    return store.unread_threads(unit)
