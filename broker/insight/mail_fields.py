"""What an anniversary's mail says of its event: merge fields for the owner's own mailings.

For a purchase's anniversary: `event_day`, `product`, `category`, each attribute of the product (`product_size`,
`product_colour` …: the right size again) and up to three `suggestion_n`: products of the same category that this person
has not bought, those of the same size first, then what most people bought in the last year.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from broker.insight import mail_fields_store as store
from broker.kernel.database import UnitOfWork

SUGGESTIONS = 3
SIZES = ("size", "taille", "ring_size", "taille_bague", "pointure")


def mail_fields(unit: UnitOfWork, base_id: int, category: str, contact_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """Contact → merge field → text, for contacts who bought in the category; a worker's call, one query for all."""
    offers = store.offers_of(unit, base_id, category)
    own = store.bought_in(unit, base_id, category, contact_ids)
    found = {}
    for row in store.last_of(unit, base_id, category, contact_ids):
        attributes = {str(name): str(value) for name, value in (row.attributes or {}).items()}
        fields = {"event_day": row.day.isoformat(), "category": category}
        if row.product:
            fields["product"] = row.product
        fields |= {f"product_{name}": value for name, value in attributes.items()}
        mine = own.get(row.contact_id, set())
        for number, product in enumerate(suggestions(offers, mine, size_of(attributes)), start=1):
            fields[f"suggestion_{number}"] = product
        found[row.contact_id] = fields
    return found


def suggestions(offers: Sequence[Any], bought: set[str], size: str | None) -> list[str]:
    """The first products that were not bought, of the same size first; `offers` stand by falling demand."""
    fresh = [one for one in offers if one.product not in bought]
    fitting = [one.product for one in fresh if size is not None and size in (one.sizes or ())]
    return list(dict.fromkeys([*fitting, *(one.product for one in fresh)]))[:SUGGESTIONS]


def size_of(attributes: dict[str, str]) -> str | None:
    """The size among a product's attributes, whatever the shop calls it."""
    return next((value for name, value in attributes.items() if name.lower() in SIZES), None)
