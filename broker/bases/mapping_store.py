"""The queries of previews and of what an owner said of its columns."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from broker.bases.fields import TRAIT
from broker.kernel.database import UnitOfWork


def remembered(unit: UnitOfWork, base_id: int, kind: str) -> dict[str, str]:
    """Header → field, as the owner last said it."""
    rows = unit.all(
        "SELECT header, field FROM base_mapping WHERE base_id = :base AND kind = :kind ORDER BY header",
        base=base_id,
        kind=kind,
    )
    return {row.header: row.field for row in rows}


def remember(unit: UnitOfWork, base_id: int, kind: str, mapping: Mapping[str, str], types: Mapping[str, str]) -> None:
    """Keep the owner's words for the next file; `types` is trait name → type."""
    unit.run_many(
        "INSERT INTO base_mapping (base_id, kind, header, field, type) VALUES (:base, :kind, :header, :field, :type)"
        " ON CONFLICT (base_id, kind, header) DO UPDATE SET field = excluded.field, type = excluded.type,"
        " updated_at = app_now()",
        [
            {
                "base": base_id,
                "kind": kind,
                "header": header,
                "field": field,
                "type": types.get(field.removeprefix(TRAIT)) if field.startswith(TRAIT) else None,
            }
            for header, field in mapping.items()
        ],
    )


def remembered_types(unit: UnitOfWork, base_id: int, kind: str) -> dict[str, str]:
    """Trait name → the type that the owner gave it."""
    rows = unit.all(
        "SELECT field, type FROM base_mapping WHERE base_id = :base AND kind = :kind AND type IS NOT NULL",
        base=base_id,
        kind=kind,
    )
    return {row.field.removeprefix(TRAIT): row.type for row in rows}


def remembered_policies(unit: UnitOfWork, base_id: int) -> dict[str, str]:
    """Field → policy, as the owner last said it; what it never spoke of is left out."""
    rows = unit.all("SELECT field, policy FROM base_policy WHERE base_id = :base ORDER BY field", base=base_id)
    return {row.field: row.policy for row in rows}


def remember_policies(unit: UnitOfWork, base_id: int, policies: Mapping[str, str], fields: Collection[str]) -> None:
    """Keep the policies of these fields for the next file; those of other fields stay as they are."""
    unit.run(
        "DELETE FROM base_policy WHERE base_id = :base AND field = ANY(:fields)", base=base_id, fields=list(fields)
    )
    unit.run_many(
        "INSERT INTO base_policy (base_id, field, policy) VALUES (:base, :field, :policy)",
        [{"base": base_id, "field": field, "policy": policy} for field, policy in policies.items()],
    )


def forget(unit: UnitOfWork, base_id: int, kind: str) -> None:
    """Back to what headers and values propose."""
    unit.run("DELETE FROM base_mapping WHERE base_id = :base AND kind = :kind", base=base_id, kind=kind)


def write_preview(unit: UnitOfWork, upload_id: int, preview: Mapping[str, Any]) -> None:
    """What the file seems to hold."""
    unit.run(
        "UPDATE upload SET preview = CAST(:preview AS jsonb) WHERE id = :id AND state = 'received'",
        id=upload_id,
        preview=json.dumps(preview, ensure_ascii=False),
    )


def preview(unit: UnitOfWork, upload_id: int) -> dict[str, Any] | None:
    """The preview of an upload that the actor may see, once it was made."""
    found: dict[str, Any] | None = unit.scalar("SELECT preview FROM upload WHERE id = :id", id=upload_id)
    return found
