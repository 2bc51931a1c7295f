"""The only place with the rentals' SQL."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork
from broker.rentals.model import NewOrder, Order, OrderState

# A quote is its advertiser's alone; the owner sees the order once it is placed. The policies say the same.
_VISIBLE = """
 (:staff OR o.advertiser_id = :org OR (o.owner_id = :org AND o.state <> 'quote'))
"""
_SELECT = """
SELECT o.id, o.code, o.state, o.advertiser_id, coalesce(party_name(o.advertiser_id), '') AS advertiser_name,
       o.owner_id, coalesce(party_name(o.owner_id), '') AS owner_name, o.card_id, o.card_code, o.card_title,
       o.base_id, o.segment_id, o.creative_id, c.code AS creative_code, o.volume, o.select_rule_text, o.size_shown,
       o.price_micros,
       commission_shown(o.id, NULL) AS commission_bp, o.vat_bp, o.contract_role, o.net_cents, o.vat_cents, o.send_on,
       o.valid_until, o.refusal, o.created_at, o.updated_at,
       CASE WHEN :staff OR o.advertiser_id = :org THEN coalesce(o.list_price_micros, o.price_micros)
         ELSE o.price_micros END AS list_price_micros,
       CASE WHEN :staff OR o.advertiser_id = :org THEN o.discount_bp ELSE 0 END AS discount_bp, o.reuse_bp,
       o.reuse_price_micros, o.uses, o.use_until, o.net_names, o.net_floor_bp, o.run_micros, o.shortfall,
       o.tolerance_bp, o.remedy, r.code AS remail_of, o.remail_who, o.option_days,
       nullif(h.held_until, 'infinity') AS held_until
FROM rental_order o LEFT JOIN creative c ON c.id = o.creative_id LEFT JOIN mailing r ON r.id = o.remail_of
LEFT JOIN order_hold h ON h.order_id = o.id AND o.send_on IS NOT NULL AND h.held_until > app_now()
"""

_COUNT = "SELECT count(*) FROM rental_order o WHERE (:state = '' OR o.state = :state) AND"


@dataclass(frozen=True, slots=True)
class CardTerms:
    """What a quote needs of a card; `selects` is `[{field, label, surcharge_micros}]`."""

    card_id: int
    owner_id: int
    base_id: int
    segment_id: int
    state: str
    title: str
    size_shown: int
    base_price_micros: int
    minimum_order: int
    selects: list[dict[str, Any]]


def card_terms(unit: UnitOfWork, code: str) -> CardTerms | None:
    """The terms of a card, offered or not."""
    row = unit.one("SELECT * FROM card_terms(:code)", code=code)
    return None if row is None else CardTerms(**row._mapping)


def insert_order(unit: UnitOfWork, order: NewOrder) -> int:
    """Insert a quote and return its id."""
    values = {item.name: getattr(order, item.name) for item in fields(order)}
    marks = [f"CAST(:{name} AS jsonb)" if name == "select_rule" else f":{name}" for name in values]
    statement = f"INSERT INTO rental_order ({', '.join(values)}) VALUES ({', '.join(marks)}) RETURNING id"  # noqa: S608 - ours
    return int(unit.scalar(statement, **values))


def order_by_code(unit: UnitOfWork, code: str) -> Order | None:
    """An order that the actor is a party of."""
    row = unit.one(_SELECT + "WHERE o.code = :code AND" + _VISIBLE, code=code, **unit.sight)
    return None if row is None else _order(row)


def order_by_id(unit: UnitOfWork, order_id: int) -> Order | None:
    """An order by its id, for the rooms that follow."""
    row = unit.one(_SELECT + "WHERE o.id = :id AND" + _VISIBLE, id=order_id, **unit.sight)
    return None if row is None else _order(row)


def lock_order(unit: UnitOfWork, code: str) -> None:
    """Hold the order's row until the commit: of two who act at once, the second looks at what the first did."""
    unit.run("SELECT id FROM rental_order WHERE code = :code FOR UPDATE", code=code)


def lock_order_by_id(unit: UnitOfWork, order_id: int) -> None:
    """The same by id."""
    unit.run("SELECT id FROM rental_order WHERE id = :id FOR UPDATE", id=order_id)


def set_state(
    unit: UnitOfWork,
    order_id: int,
    state: OrderState,
    *,
    creative_id: int | None = None,
    refusal: str | None = None,
) -> None:
    """Move an order; the database holds the step to the state table and to its parties."""
    unit.run(
        "UPDATE rental_order SET state = :state, creative_id = coalesce(:creative_id, creative_id),"
        " refusal = coalesce(:refusal, refusal) WHERE id = :id",
        id=order_id,
        state=state,
        creative_id=creative_id,
        refusal=refusal,
    )


def note_reason(unit: UnitOfWork, order_id: int, reason: str) -> None:
    """Why an order ended that the database moved: its parties read it on its page."""
    unit.run("UPDATE rental_order SET refusal = :reason WHERE id = :id", id=order_id, reason=reason)


def creative_of(unit: UnitOfWork, code: str, org_id: int) -> Row[Any] | None:
    """id and state of an advertiser's creative."""
    return unit.one("SELECT id, state FROM creative WHERE code = :code AND org_id = :org", code=code, org=org_id)


def count_orders(unit: UnitOfWork, state: str) -> int:
    """How many orders the actor sees, in one state or all."""
    return int(
        unit.scalar(
            _COUNT + _VISIBLE,
            state=state,
            **unit.sight,
        )
    )


def orders_page(unit: UnitOfWork, state: str, size: int, offset: int) -> list[Order]:
    """Orders the actor sees, the newest first."""
    rows = unit.all(
        _SELECT
        + "WHERE (:state = '' OR o.state = :state) AND"
        + _VISIBLE
        + "ORDER BY o.id DESC LIMIT :size OFFSET :offset",
        state=state,
        size=size,
        offset=offset,
        **unit.sight,
    )
    return [_order(row) for row in rows]


def overdue(unit: UnitOfWork, today: date) -> list[tuple[int, str]]:
    """(id, code) of quotes past their validity and of unanswered orders past their send date, locked."""
    rows = unit.all(
        "SELECT id, code FROM rental_order WHERE (state = 'quote' AND valid_until < app_now())"
        " OR (state = 'ordered' AND send_on < :today) ORDER BY id FOR UPDATE SKIP LOCKED",
        today=today,
    )
    return [(row.id, row.code) for row in rows]


def _order(row: Row[Any]) -> Order:
    return Order(**row._mapping)


def quotes_on_card(unit: UnitOfWork, card_id: int) -> list[Row[Any]]:
    """id and code of the quotes on a card that were not ordered yet, locked."""
    return unit.all(
        "SELECT id, code FROM rental_order WHERE card_id = :card_id AND state = 'quote' ORDER BY id FOR UPDATE",
        card_id=card_id,
    )
