"""The queries of an order's paper."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.rentals.paper_model import PaperCreative


def party_name(unit: UnitOfWork, org_id: int | None) -> str:
    """The name of an agency, for whoever shares a mandate with it; empty without one, and for others."""
    if org_id is None:
        return ""
    return str(unit.scalar("SELECT name FROM mandate_party(:id)", id=org_id) or "")


def creative_on_paper(unit: UnitOfWork, creative_id: int) -> PaperCreative | None:
    """The message of an order, as its paper names it."""
    row = unit.one("SELECT code, name, content_hash FROM creative WHERE id = :id", id=creative_id)
    return None if row is None else PaperCreative(row.code, row.name, bytes(row.content_hash).hex())
