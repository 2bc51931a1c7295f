"""The only place with the SQL of how organisations may pay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from broker.kernel.database import UnitOfWork


def rule_of(unit: UnitOfWork, org_id: int) -> Row[Any] | None:
    """(methods, debit) of an organisation, where it has a rule of its own."""
    return unit.one("SELECT methods, debit FROM payment_rule WHERE org_id = :org", org=org_id)


def set_rule(unit: UnitOfWork, org_id: int, methods: Sequence[str], debit: str) -> None:
    """Give an organisation a rule."""
    unit.run(
        "INSERT INTO payment_rule (org_id, methods, debit, set_by) VALUES (:org, :methods, :debit, :by)"
        " ON CONFLICT (org_id) DO UPDATE SET methods = :methods, debit = :debit, set_by = :by, set_at = app_now()",
        org=org_id,
        methods=list(methods),
        debit=debit,
        by=unit.actor.user_id,
    )
