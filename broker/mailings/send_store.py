"""The queries behind lists of single sends; the columns that lead to a person are not granted to the front."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork

_COLUMNS = "SELECT position, state, seed, price_micros, outcome_at, bounced_at FROM send"
_OF_MAILING = " WHERE dispatch_id = :dispatch AND mailing_id = :mailing"


def sends_page(unit: UnitOfWork, dispatch: int, mailing: int, size: int, offset: int) -> Sequence[Row[Any]]:
    """Some sends of a mailing, by position."""
    return unit.all(
        _COLUMNS + _OF_MAILING + " ORDER BY position LIMIT :size OFFSET :offset",
        dispatch=dispatch,
        mailing=mailing,
        size=size,
        offset=offset,
    )


def count_sends(unit: UnitOfWork, dispatch: int, mailing: int) -> int:
    """How many sends a mailing has."""
    sql = "SELECT count(*) FROM send" + _OF_MAILING  # noqa: S608 - two constants
    return int(unit.scalar(sql, dispatch=dispatch, mailing=mailing))


def send_at(unit: UnitOfWork, dispatch: int, mailing: int, position: int) -> Row[Any] | None:
    """The send at a position."""
    return unit.one(
        _COLUMNS + _OF_MAILING + " AND position = :position", dispatch=dispatch, mailing=mailing, position=position
    )


def mailings_of_order(unit: UnitOfWork, order_id: int) -> Sequence[Row[Any]]:
    """code, state of the mailings that an order's dispatches made."""
    return unit.all(
        "SELECT m.code, m.state FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id WHERE d.order_id = :order"
        " ORDER BY m.id",
        order=order_id,
    )


def order_of_dispatch(unit: UnitOfWork, dispatch: int) -> int | None:
    """The order that a dispatch is a use of; None for an own or an affiliate send."""
    found = unit.scalar("SELECT order_id FROM dispatch WHERE id = :dispatch", dispatch=dispatch)
    return None if found is None else int(found)
