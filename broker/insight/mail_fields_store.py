"""Queries of the merge fields of anniversaries, as the worker role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.kernel.database import UnitOfWork

MOST_OFFERS = 200


def last_of(unit: UnitOfWork, base_id: int, category: str, contact_ids: Sequence[int]) -> list[Any]:
    """(contact_id, day, product, attributes) of each contact's last purchase in a category."""
    return unit.all(
        "SELECT DISTINCT ON (contact_id) contact_id, day, product, attributes FROM purchase WHERE base_id = :base"
        " AND contact_id = ANY (:who) AND category = :category AND amount_cents >= 0 ORDER BY contact_id, day DESC, id",
        base=base_id,
        who=list(contact_ids),
        category=category,
    )


def bought_in(unit: UnitOfWork, base_id: int, category: str, contact_ids: Sequence[int]) -> dict[int, set[str]]:
    """Contact → products it has bought in a category."""
    rows = unit.all(
        "SELECT contact_id, array_agg(DISTINCT product) AS products FROM purchase WHERE base_id = :base"
        " AND contact_id = ANY (:who) AND category = :category AND product IS NOT NULL GROUP BY contact_id",
        base=base_id,
        who=list(contact_ids),
        category=category,
    )
    return {row.contact_id: set(row.products) for row in rows}


def offers_of(unit: UnitOfWork, base_id: int, category: str) -> list[Any]:
    """(product, sizes) of a category, by the people who bought each in the last year, the most first."""
    return unit.all(
        "SELECT product, array_agg(DISTINCT a.value) FILTER (WHERE lower(a.key) IN"
        "  ('size', 'taille', 'ring_size', 'taille_bague', 'pointure')) AS sizes"
        " FROM purchase LEFT JOIN LATERAL jsonb_each_text(attributes) a ON true"
        " WHERE base_id = :base AND category = :category AND nullif(product, '') IS NOT NULL AND amount_cents > 0"
        " AND day > CAST(app_now() AS date) - 365"
        " GROUP BY product ORDER BY count(DISTINCT contact_id) DESC, product LIMIT :most",
        base=base_id,
        category=category,
        most=MOST_OFFERS,
    )
