"""The queries of what persons supplied of themselves, for the snapshots."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def supplied(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """contact_id, field, value of contacts that are not erased; what is sealed has no value and is no column."""
    return unit.all(
        "SELECT f.contact_id, f.field, f.value FROM supplied_field f JOIN contact c ON c.id = f.contact_id"
        " WHERE f.base_id = :base AND c.sealed IS NOT NULL AND f.value IS NOT NULL AND f.field <> 'consent'",
        base=base_id,
    )


def supplied_consents(unit: UnitOfWork, base_id: int) -> list[Row[Any]]:
    """Consents given on the persons' page that are still the contact's: contact_id and the columns of a proof."""
    return unit.all(
        "SELECT c.id AS contact_id, c.consent_at, c.consent_source_id, s.partner_list_version AS partner_list"
        " FROM supplied_field f JOIN contact c ON c.id = f.contact_id"
        " JOIN consent_source s ON s.id = c.consent_source_id"
        " WHERE f.base_id = :base AND f.field = 'consent' AND f.value = c.consent_source_id::text"
        " AND c.sealed IS NOT NULL AND s.quarantined_at IS NULL"
        " AND (c.consent_withdrawn_at IS NULL OR c.consent_withdrawn_at < c.consent_at)",
        base=base_id,
    )
