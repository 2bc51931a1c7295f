"""The only place with the SQL of holds, further uses, credit and forecasts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork


def lock_days(unit: UnitOfWork, base_id: int) -> None:
    """One at a time looks at what is free on a base and holds it: the second counts what the first holds."""
    unit.run("SELECT pg_advisory_xact_lock(7203825, CAST(:base % 2147483647 AS integer))", base=base_id)


def take_option(unit: UnitOfWork, order_id: int) -> bool:
    """Hold a quote's contacts on its day; False where they were held before, or there is no day."""
    return bool(unit.scalar("SELECT take_option(:id)", id=order_id))


def open_options(unit: UnitOfWork, base_id: int, advertiser_id: int) -> int:
    """How many quotes of an advertiser hold contacts of a base now."""
    return int(
        unit.scalar(
            "SELECT count(*) FROM rental_order o JOIN order_hold h ON h.order_id = o.id AND h.held_until > app_now()"
            " WHERE o.base_id = :base AND o.advertiser_id = :advertiser AND o.state = 'quote'",
            base=base_id,
            advertiser=advertiser_id,
        )
    )


def select_rule_of(unit: UnitOfWork, order_id: int) -> Any:
    """The selects of an order as a rule, or None."""
    return unit.scalar("SELECT select_rule FROM rental_order WHERE id = :id", id=order_id)


def credit_of(unit: UnitOfWork, advertiser_id: int) -> Row[Any]:
    """(limit_cents, set_at, used_cents, prepaid) of an advertiser; no limit is 0."""
    row = unit.one(
        "SELECT coalesce((SELECT limit_cents FROM credit_term WHERE advertiser_id = :id), 0) AS limit_cents,"
        " (SELECT set_at FROM credit_term WHERE advertiser_id = :id) AS set_at,"
        " coalesce(credit_used(:id), 0) AS used_cents, coalesce(has_prepaid(:id), false) AS prepaid",
        id=advertiser_id,
    )
    assert row is not None
    return row


def credit_of_all(unit: UnitOfWork) -> list[Row[Any]]:
    """(code, name, limit_cents, set_at, used_cents, prepaid) of every advertiser."""
    return unit.all(
        "SELECT o.code, o.name, coalesce(t.limit_cents, 0) AS limit_cents, t.set_at,"
        " coalesce(credit_used(o.id), 0) AS used_cents, coalesce(has_prepaid(o.id), false) AS prepaid"
        " FROM organisation o LEFT JOIN credit_term t ON t.advertiser_id = o.id WHERE o.kind = 'advertiser'"
    )


def set_limit(unit: UnitOfWork, advertiser_id: int, limit_cents: int) -> None:
    """Write an advertiser's credit limit."""
    unit.run(
        "INSERT INTO credit_term (advertiser_id, limit_cents, set_by) VALUES (:id, :cents, :user)"
        " ON CONFLICT (advertiser_id) DO UPDATE SET limit_cents = :cents, set_by = :user, set_at = app_now()",
        id=advertiser_id,
        cents=limit_cents,
        user=unit.actor.user_id,
    )


def take_credit(unit: UnitOfWork, order_id: int) -> None:
    """Put an approved order on credit and have its mailing planned; the database looks at the limit."""
    unit.run("SELECT take_credit(:id)", id=order_id)


def uses_of(unit: UnitOfWork, order_id: int) -> list[Row[Any]]:
    """(id, kind, volume, price_micros, use_until, send_on, stops, given_up, mailing) of an order's further uses."""
    return unit.all(
        "SELECT u.id, u.kind, u.volume, u.price_micros, u.use_until, u.send_on, u.stops, u.given_up, m.code AS mailing"
        " FROM order_use u LEFT JOIN mailing m ON m.dispatch_id = u.dispatch_id WHERE u.order_id = :order"
        " ORDER BY u.id",
        order=order_id,
    )


def choose_use_day(unit: UnitOfWork, use_id: int, day: date | None) -> bool:
    """Choose the day of a further use, or (None) give it up; False where it cannot be chosen now."""
    return bool(unit.scalar("SELECT choose_use_day(:id, :day)", id=use_id, day=day))


def add_make_good(unit: UnitOfWork, order_id: int, volume: int, until: date) -> None:
    """Names that a guaranteed volume lacks are owed, for nothing, until a day."""
    unit.run(
        "INSERT INTO order_use (order_id, kind, volume, price_micros, use_until)"
        " VALUES (:order, 'make_good', :volume, 0, :until)",
        order=order_id,
        volume=volume,
        until=until,
    )


def lapsed_orders(unit: UnitOfWork, order_id: int | None = None) -> list[int]:
    """Ids of sent orders with nothing open any more: every mailing settled, every further use sent, given up or past
    its last day. With `order_id` of this one alone: whether it is such an order."""
    rows = unit.all(
        "SELECT o.id FROM rental_order o WHERE o.state = 'sent' AND (CAST(:id AS bigint) IS NULL OR o.id = :id)"
        " AND EXISTS (SELECT 1 FROM order_use u WHERE u.order_id = o.id)"
        " AND NOT EXISTS (SELECT 1 FROM order_use u WHERE u.order_id = o.id AND NOT u.given_up"
        "  AND u.dispatch_id IS NULL AND (u.send_on IS NOT NULL"
        "   OR u.use_until >= (app_now() AT TIME ZONE 'Europe/Paris')::date))"
        " AND NOT EXISTS (SELECT 1 FROM dispatch d JOIN mailing m ON m.dispatch_id = d.id WHERE d.order_id = o.id"
        "  AND m.closed_at IS NULL) ORDER BY o.id",
        id=order_id,
    )
    return [row.id for row in rows]


def past_mailing(unit: UnitOfWork, code: str) -> Row[Any] | None:
    """(id, state, kind, ended_at, order_code, card_code, select_rule_text, advertiser_id) of a mailing of an order."""
    return unit.one(
        "SELECT m.id, m.state, m.kind, m.ended_at, o.code AS order_code, o.card_code, o.select_rule_text,"
        " o.select_rule, coalesce(o.list_price_micros, o.price_micros) AS list_price_micros, m.advertiser_id"
        " FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id JOIN rental_order o ON o.id = d.order_id"
        " WHERE m.code = :code",
        code=code,
    )


def reached_by(unit: UnitOfWork, mailing_id: int) -> tuple[int, int]:
    """(people a mailing of the actor's reached, people of them who clicked)."""
    row = unit.one("SELECT reached, clickers FROM reached_by(:id)", id=mailing_id)
    assert row is not None
    return int(row.reached), int(row.clickers)


def click_history(unit: UnitOfWork, card_code: str) -> dict[str, list[tuple[int, int]]]:
    """What past mailings say of clicks: scope (`card`, `sector`, `all`) → [(mails accepted, people who clicked)]."""
    found: dict[str, list[tuple[int, int]]] = {}
    for row in unit.all("SELECT scope, accepted, clicks FROM click_history(:card)", card=card_code):
        found.setdefault(row.scope, []).append((row.accepted, row.clicks))
    return found


def held_until(unit: UnitOfWork, order_id: int) -> datetime | None:
    """Until when an order's contacts are held, if they are now; far away from its approval on."""
    found: datetime | None = unit.scalar(
        "SELECT least(held_until, '9999-12-31') FROM order_hold WHERE order_id = :id AND held_until > app_now()",
        id=order_id,
    )
    return found


def put_on_desk(unit: UnitOfWork, order_id: int, desk: str) -> None:
    """Note that an order was quoted together with others."""
    unit.run("INSERT INTO order_desk (order_id, desk) VALUES (:order, :desk)", order=order_id, desk=desk)
