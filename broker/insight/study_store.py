"""Queries of a base's purchases, as the worker role."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from broker.audience.copied import copied
from broker.kernel.database import UnitOfWork

# A day with at least one line that is no return is a visit; lines of the future are left out.
_DAYS_COPY = """
COPY (
  WITH days AS (
    SELECT contact_id, day, sum(amount_cents) AS cents FROM purchase
    WHERE base_id = %s AND day <= %s AND amount_cents >= 0 GROUP BY contact_id, day),
  gaps AS (SELECT contact_id, day, cents, day - lag(day) OVER (PARTITION BY contact_id ORDER BY day) AS gap FROM days)
  SELECT contact_id, count(*), min(day) - date '1970-01-01', max(day) - date '1970-01-01', sum(cents),
         sum(cents) FILTER (WHERE gap IS NULL), coalesce(sum(gap::bigint * gap), 0)
  FROM gaps GROUP BY contact_id ORDER BY contact_id
) TO STDOUT (FORMAT csv)
"""
DAY_COLUMNS = ("contact_id", "visits", "first", "last", "cents", "first_cents", "gap_squares")
_CATEGORY_DAYS_COPY = """
COPY (
  SELECT contact_id, category, max(day) - date '1970-01-01' FROM purchase
  WHERE base_id = %s AND day <= %s AND amount_cents >= 0 AND category = ANY (%s) GROUP BY contact_id, category
) TO STDOUT (FORMAT csv)
"""
_ITEMS_COPY = """
COPY (
  SELECT contact_id, {label}, sum(amount_cents), count(*) FROM purchase
  WHERE base_id = %s AND amount_cents > 0 AND {label} = ANY (%s) GROUP BY contact_id, {label}
) TO STDOUT (FORMAT csv)
"""
LABELS = ("category", "product")


def day_rows(unit: UnitOfWork, base_id: int, until: date) -> pa.Table:
    """One row a customer, by contact number, with DAY_COLUMNS."""
    kinds = {name: pa.float64() if name == "gap_squares" else pa.int64() for name in DAY_COLUMNS}
    return copied(unit, _DAYS_COPY, (base_id, until), pa.schema(kinds))


def widest(unit: UnitOfWork, base_id: int, label: str, until: date, most: int) -> list[str]:
    """The categories or products bought by most people."""
    assert label in LABELS
    rows = unit.all(
        f"SELECT {label} AS item FROM purchase WHERE base_id = :base AND nullif({label}, '') IS NOT NULL"  # noqa: S608
        f" AND day <= :until AND amount_cents > 0 GROUP BY {label}"
        f" ORDER BY count(DISTINCT contact_id) DESC, {label} LIMIT :most",
        base=base_id,
        until=until,
        most=most,
    )
    return [row.item for row in rows]


def category_days(unit: UnitOfWork, base_id: int, until: date, categories: Sequence[str]) -> pa.Table:
    """(contact_id, category, day of the last purchase in days since 1970-01-01)."""
    kinds = {"contact_id": pa.int64(), "category": pa.string(), "day": pa.int64()}
    return copied(unit, _CATEGORY_DAYS_COPY, (base_id, until, list(categories)), pa.schema(kinds))


def items_bought(unit: UnitOfWork, base_id: int, label: str, items: Sequence[str]) -> pa.Table:
    """(contact_id, item, cents, lines), one row a customer and item."""
    assert label in LABELS
    kinds = {"contact_id": pa.int64(), "item": pa.string(), "cents": pa.int64(), "lines": pa.int64()}
    return copied(unit, _ITEMS_COPY.format(label=label), (base_id, list(items)), pa.schema(kinds))


def days_with_purchases(unit: UnitOfWork, base_id: int, after: date, until: date) -> dict[int, int]:
    """Contact → days with a purchase after one day and up to another."""
    rows = unit.all(
        "SELECT contact_id, count(DISTINCT day) AS days FROM purchase WHERE base_id = :base AND amount_cents >= 0"
        " AND day > :after AND day <= :until GROUP BY contact_id",
        base=base_id,
        after=after,
        until=until,
    )
    return {row.contact_id: row.days for row in rows}


def shop_weeks(unit: UnitOfWork, base_id: int, until: date, periods: int, days: int) -> list[Any]:
    """(shop, period, purchases, cents): whole periods of `days` days back from `until`, 0 the latest."""
    return unit.all(
        "SELECT shop, (CAST(:until AS date) - day) / :days AS period, count(*) AS purchases,"
        " coalesce(sum(amount_cents), 0) AS cents FROM purchase"
        " WHERE base_id = :base AND nullif(shop, '') IS NOT NULL AND amount_cents > 0 AND day <= :until"
        " AND day > CAST(:until AS date) - :days * :periods GROUP BY 1, 2 ORDER BY 1, 2",
        base=base_id,
        until=until,
        periods=periods,
        days=days,
    )


def shop_customers(unit: UnitOfWork, base_id: int, shop: str, most: int) -> list[int]:
    """Contacts who bought in a shop, those who came last first."""
    rows = unit.all(
        "SELECT contact_id FROM purchase WHERE base_id = :base AND shop = :shop AND amount_cents > 0"
        " GROUP BY contact_id ORDER BY max(day) DESC LIMIT :most",
        base=base_id,
        shop=shop,
        most=most,
    )
    return [row.contact_id for row in rows]


def sector_results(unit: UnitOfWork, base_id: int) -> list[Any]:
    """(sector, mailings, accepted, clickers) of what advertisers of each sector sent to the base."""
    return unit.all(
        "SELECT o.sector, count(DISTINCT m.id) AS mailings,"
        " count(*) FILTER (WHERE s.state = 'accepted' AND NOT s.seed) AS accepted,"
        " count(*) FILTER (WHERE s.state = 'accepted' AND NOT s.seed AND EXISTS (SELECT 1 FROM hit h"
        "  WHERE h.mailing_id = s.mailing_id AND h.position = s.position AND h.verdict = 'human')) AS clickers"
        " FROM mailing m JOIN organisation o ON o.id = m.advertiser_id"
        " JOIN send s ON s.dispatch_id = m.dispatch_id AND s.mailing_id = m.id"
        " WHERE m.base_id = :base AND m.kind <> 'own' AND o.sector IS NOT NULL GROUP BY o.sector",
        base=base_id,
    )
