"""The queries of previews and of what an owner said of its columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from broker.kernel.database import UnitOfWork


def remembered(unit: UnitOfWork, base_id: int, kind: str) -> dict[str, str]:
    """Header → field, as the owner last said it."""
    rows = unit.all(
        "SELECT header, field FROM base_mapping WHERE base_id = :base AND kind = :kind ORDER BY header",
        base=base_id,
        kind=kind,
    )
    return {row.header: row.field for row in rows}


def remember(unit: UnitOfWork, base_id: int, kind: str, mapping: Mapping[str, str]) -> None:
    """Keep the owner's words for the next file."""
    unit.run_many(
        "INSERT INTO base_mapping (base_id, kind, header, field) VALUES (:base, :kind, :header, :field)"
        " ON CONFLICT (base_id, kind, header) DO UPDATE SET field = excluded.field, updated_at = app_now()",
        [{"base": base_id, "kind": kind, "header": header, "field": field} for header, field in mapping.items()],
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
