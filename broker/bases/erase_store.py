"""The queries of erasure and retention, as the worker's role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork

# Of the fingerprints only the contact's own key stays until the compaction, so that snapshot and row are matched.
_DESTROY = """
UPDATE contact SET sealed = NULL, reference_key = NULL, md5_key = uuid_send(gen_random_uuid()),
  sha256_key = uuid_send(gen_random_uuid()), consent_source_id = NULL, consent_at = NULL, updated_at = app_now()
WHERE id = ANY(:ids) AND sealed IS NOT NULL RETURNING base_id
"""


def contacts_by_key(
    unit: UnitOfWork, column: str, pepper_version: int, key: bytes, base_id: int | None
) -> list[Row[Any]]:
    """(id, base_id, key_version, sealed) of contacts that are not erased, by `contact_key` or `reference_key`."""
    assert column in ("contact_key", "reference_key")
    return unit.all(
        f"SELECT id, base_id, key_version, sealed FROM contact WHERE {column} = :key"  # noqa: S608 - our own names
        " AND pepper_version = :pepper AND sealed IS NOT NULL"
        " AND (CAST(:base AS bigint) IS NULL OR base_id = :base) ORDER BY id FOR UPDATE",
        key=key,
        pepper=pepper_version,
        base=base_id,
    )


def destroy(unit: UnitOfWork, contact_ids: Sequence[int]) -> list[int]:
    """Destroy what is sealed of contacts, their other fingerprints, consents and purchases; their bases, once each."""
    rows = unit.all(_DESTROY, ids=list(contact_ids))
    unit.run("DELETE FROM purchase WHERE contact_id = ANY(:ids)", ids=list(contact_ids))
    unit.run("DELETE FROM supplied_field WHERE contact_id = ANY(:ids)", ids=list(contact_ids))
    return sorted({row.base_id for row in rows})


def base_codes(unit: UnitOfWork, base_ids: Sequence[int]) -> list[str]:
    """Their codes."""
    rows = unit.all("SELECT code FROM base WHERE id = ANY(:ids) ORDER BY code", ids=list(base_ids))
    return [row.code for row in rows]


def base_of(unit: UnitOfWork, code: str, org_id: int | None) -> int | None:
    """The id of a base, of this organisation if one is named."""
    found: int | None = unit.scalar(
        "SELECT id FROM base WHERE code = :code AND (CAST(:org AS bigint) IS NULL OR org_id = :org)",
        code=code,
        org=org_id,
    )
    return found
