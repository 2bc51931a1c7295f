"""The only place with the SQL of freezes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork


def standing(unit: UnitOfWork, org_id: int) -> Row[Any] | None:
    """(id, code, frozen_by) of the freeze that holds."""
    return unit.one("SELECT id, code, frozen_by FROM org_freeze WHERE org_id = :org AND ended_at IS NULL", org=org_id)


def frozen(unit: UnitOfWork, org_id: int) -> bool:
    """Whether an organisation is frozen, whoever asks."""
    return bool(unit.scalar("SELECT is_frozen(:org)", org=org_id))


def insert(unit: UnitOfWork, code: str, org_id: int, reason: str) -> None:
    """Freeze."""
    unit.run(
        "INSERT INTO org_freeze (code, org_id, reason, frozen_by) VALUES (:code, :org, :reason, :user)",
        code=code,
        org=org_id,
        reason=reason,
        user=unit.actor.user_id,
    )


def end(unit: UnitOfWork, freeze_id: int) -> None:
    """End a freeze."""
    unit.run(
        "UPDATE org_freeze SET ended_by = :user, ended_at = app_now() WHERE id = :id AND ended_at IS NULL",
        id=freeze_id,
        user=unit.actor.user_id,
    )
