"""The only place with the SQL of contract roles as a sale asks for them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork


def terms_between(unit: UnitOfWork, owner_id: int, advertiser_id: int) -> Row[Any] | None:
    """(role, both_sides, country, postcode, vat_number) of a sale today; the last three are the owner's."""
    return unit.one("SELECT * FROM sale_terms(:owner, :advertiser)", owner=owner_id, advertiser=advertiser_id)
