"""The queries of upkeep costs."""

from __future__ import annotations

from datetime import date

from broker.bases.costs_model import Cost
from broker.kernel.database import UnitOfWork

_COST = "SELECT code, label, rhythm, amount_cents, starts_on, ends_on FROM base_cost"


def add_cost(
    unit: UnitOfWork,
    code: str,
    base_id: int,
    label: str,
    rhythm: str,
    amount_cents: int,
    starts_on: date,
    ends_on: date | None,
) -> None:
    """A new cost of a base of the actor's."""
    unit.run(
        "INSERT INTO base_cost (code, org_id, base_id, label, rhythm, amount_cents, starts_on, ends_on)"
        " VALUES (:code, :org, :base, :label, :rhythm, :cents, :starts, :ends)",
        code=code,
        org=unit.actor.org,
        base=base_id,
        label=label,
        rhythm=rhythm,
        cents=amount_cents,
        starts=starts_on,
        ends=ends_on,
    )


def costs_of(unit: UnitOfWork, base_id: int) -> list[Cost]:
    """The costs of a base, the latest first."""
    rows = unit.all(
        f"{_COST} WHERE base_id = :base AND org_id = :org AND removed_at IS NULL"
        " ORDER BY starts_on DESC, id DESC LIMIT 1000",
        base=base_id,
        org=unit.actor.org,
    )
    return [Cost(**row._mapping) for row in rows]


def cost_by_code(unit: UnitOfWork, base_id: int, code: str) -> Cost | None:
    """One cost of a base, held until the commit."""
    row = unit.one(
        f"{_COST} WHERE code = :code AND base_id = :base AND org_id = :org AND removed_at IS NULL FOR UPDATE",
        code=code,
        base=base_id,
        org=unit.actor.org,
    )
    return None if row is None else Cost(**row._mapping)


def change_cost(unit: UnitOfWork, cost: Cost) -> None:
    """Write a cost's new values over the old ones."""
    unit.run(
        "UPDATE base_cost SET label = :label, rhythm = :rhythm, amount_cents = :cents, starts_on = :starts,"
        " ends_on = :ends WHERE code = :code AND org_id = :org",
        code=cost.code,
        label=cost.label,
        rhythm=cost.rhythm,
        cents=cost.amount_cents,
        starts=cost.starts_on,
        ends=cost.ends_on,
        org=unit.actor.org,
    )


def remove_cost(unit: UnitOfWork, code: str) -> None:
    """Take a cost out, as one entered by mistake; the row stays."""
    unit.run(
        "UPDATE base_cost SET removed_at = app_now() WHERE code = :code AND org_id = :org",
        code=code,
        org=unit.actor.org,
    )
