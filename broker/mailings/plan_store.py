"""The queries of retroplanning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class PlannedSend:
    """One send of partners' mail in a base's calendar; `code` is the order's or the participation's."""

    send_on: date
    kind: str
    title: str
    code: str
    state: str


def order_events(unit: UnitOfWork, order_id: int) -> list[tuple[str, datetime]]:
    """When an order came to each of its states."""
    rows = unit.all("SELECT state, at FROM order_event WHERE order_id = :id ORDER BY at", id=order_id)
    return [(row.state, row.at) for row in rows]


def creative_moments(unit: UnitOfWork, creative_id: int) -> tuple[datetime, datetime | None]:
    """When an order's creative was made, and when its proof was signed."""
    row = unit.one("SELECT created_at, signed_at FROM creative WHERE id = :id", id=creative_id)
    assert row is not None
    return row.created_at, row.signed_at


def mailing_moments(unit: UnitOfWork, order_id: int) -> tuple[datetime | None, datetime | None]:
    """When the recipients of an order's first mailing were drawn, and when its legal report was written."""
    row = unit.one(
        "SELECT min(m.frozen_at) AS drawn, (SELECT min(r.made_at) FROM legal_reports_shown() r"
        "  WHERE r.mailing_id = ANY (array_agg(m.id))) AS reported"
        " FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id WHERE d.order_id = :id",
        id=order_id,
    )
    assert row is not None
    return row.drawn, row.reported


def planned_sends(unit: UnitOfWork, base_id: int, start: date, end: date) -> list[PlannedSend]:
    """Orders, picked sends and own mailings of a base by their day, those that ended without a mail left out."""
    rows = unit.all(
        "SELECT send_on, 'rental' AS kind, card_title AS title, code, state FROM rental_order"
        " WHERE base_id = :base AND send_on BETWEEN :start AND :end"
        " AND state NOT IN ('quote', 'refused', 'cancelled', 'expired')"
        " UNION ALL SELECT s.send_on, 'affiliate', g.title, p.code, s.state FROM participation_send s"
        " JOIN participation p ON p.id = s.participation_id JOIN programme g ON g.id = p.programme_id"
        " WHERE p.base_id = :base AND s.send_on BETWEEN :start AND :end AND s.state <> 'withdrawn'"
        " UNION ALL SELECT (o.next_run_at AT TIME ZONE 'Europe/Paris')::date, 'own', o.name, o.code, o.state"
        " FROM own_mailing o WHERE o.base_id = :base AND o.state = 'active' AND o.schedule = 'once'"
        " AND (o.next_run_at AT TIME ZONE 'Europe/Paris')::date BETWEEN :start AND :end"
        " ORDER BY 1, 4",
        base=base_id,
        start=start,
        end=end,
    )
    return [PlannedSend(**row._asdict()) for row in rows]


def orders_under_plan(unit: UnitOfWork, first: date, last: date) -> list[int]:
    """Orders with a send date in a span of days that have not ended."""
    rows = unit.all(
        "SELECT id FROM rental_order WHERE send_on BETWEEN :first AND :last"
        " AND state NOT IN ('refused', 'cancelled', 'expired', 'settled') ORDER BY id",
        first=first,
        last=last,
    )
    return [row.id for row in rows]
