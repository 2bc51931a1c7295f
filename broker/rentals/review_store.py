"""The only queries of an order's review: until when it is to be answered, and the change that is asked for."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork
from broker.rentals.approval_model import Review
from broker.rentals.model import Order


def open_review(unit: UnitOfWork, order: Order, answer_days: int, due_on: date, expires_on: date) -> None:
    """An order was placed: somebody is to answer it."""
    unit.run(
        "INSERT INTO order_review (order_id, owner_id, answer_days, due_on, expires_on)"
        " VALUES (:order, :owner, :days, :due, :expires) ON CONFLICT (order_id) DO NOTHING",
        order=order.id,
        owner=order.owner_id,
        days=answer_days,
        due=due_on,
        expires=expires_on,
    )


def review_of(unit: UnitOfWork, order_id: int) -> Review | None:
    """The review of an order that the actor may see; none of a quote."""
    row = unit.one(
        "SELECT due_on, expires_on, answer_days, change_text, change_asked_at, rounds FROM order_review"
        " WHERE order_id = :id",
        id=order_id,
    )
    return None if row is None else Review(**row._mapping)


def ask_change(unit: UnitOfWork, order_id: int, text: str, due_on: date, expires_on: date) -> None:
    """It is the advertiser's turn."""
    unit.run(
        "UPDATE order_review SET change_text = :text, change_asked_at = app_now(), rounds = rounds + 1,"
        " due_on = :due, expires_on = :expires, reminded_on = NULL WHERE order_id = :id",
        id=order_id,
        text=text,
        due=due_on,
        expires=expires_on,
    )


def end_change(unit: UnitOfWork, order_id: int, due_on: date | None = None, expires_on: date | None = None) -> None:
    """The change is made, or no longer asked for; with days it is the owner's turn again, and its rules'."""
    unit.run(
        "UPDATE order_review SET change_text = NULL, change_asked_at = NULL, due_on = coalesce(:due, due_on),"
        " expires_on = coalesce(:expires, expires_on), reminded_on = NULL,"
        " looked_at = CASE WHEN CAST(:due AS date) IS NULL THEN looked_at END WHERE order_id = :id",
        id=order_id,
        due=due_on,
        expires=expires_on,
    )


def set_creative(unit: UnitOfWork, order_id: int, creative_id: int) -> None:
    """Exchange the creative of a placed order; the database asks for a change that stands and no signature."""
    unit.run("UPDATE rental_order SET creative_id = :creative WHERE id = :id", creative=creative_id, id=order_id)


def looked_at(unit: UnitOfWork, order_id: int) -> None:
    """The rules were tried."""
    unit.run("UPDATE order_review SET looked_at = app_now() WHERE order_id = :id", id=order_id)


def waiting(unit: UnitOfWork, today: date, tomorrow: date) -> list[Row[Any]]:
    """(id, code, due_on, expires_on, change_text) of unanswered orders that are due by tomorrow and whose party was
    not reminded today, or that are past their last day; locked."""
    return unit.all(
        "SELECT o.id, o.code, r.due_on, r.expires_on, r.change_text FROM rental_order o"
        " JOIN order_review r ON r.order_id = o.id WHERE o.state = 'ordered'"
        " AND (r.expires_on < :today OR (r.due_on <= :tomorrow AND coalesce(r.reminded_on, '-infinity') < :today))"
        " ORDER BY o.id FOR UPDATE OF o SKIP LOCKED",
        today=today,
        tomorrow=tomorrow,
    )


def reminded(unit: UnitOfWork, order_id: int, today: date) -> None:
    """Whose turn it is was reminded today."""
    unit.run(
        "UPDATE order_review SET reminded_on = :today, reminders = reminders + 1 WHERE order_id = :id",
        id=order_id,
        today=today,
    )
