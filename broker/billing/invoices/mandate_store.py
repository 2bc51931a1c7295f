"""The only place with the SQL of role contracts and invoicing mandates."""

from __future__ import annotations

from datetime import date
from typing import Any

from broker.billing.invoices.mandate_model import Mandate, RoleContract
from broker.kernel.database import UnitOfWork

_MANDATE = """
SELECT m.id, m.code, m.org_id, coalesce(party_name(m.org_id), '') AS owner, m.reference, m.signatory, m.signed_on,
  m.ends_on, m.contest_days FROM invoicing_mandate m WHERE (:staff OR m.org_id = :org)
"""
_CONTRACT = """
SELECT c.id, c.code, c.org_id, coalesce(party_name(c.org_id), '') AS party, c.role, c.reference, c.signatory,
  c.signed_on, c.ends_on, c.pay_when_paid FROM role_contract c WHERE (:staff OR c.org_id = :org)
"""


def insert_mandate(unit: UnitOfWork, **values: Any) -> None:
    """Insert a mandate; keys are its columns."""
    unit.run(
        "INSERT INTO invoicing_mandate (code, org_id, reference, signatory, signed_on, ends_on, contest_days,"
        " recorded_by) VALUES (:code, :org_id, :reference, :signatory, :signed_on, :ends_on, :contest_days,"
        " :recorded_by)",
        **values,
    )


def mandates(unit: UnitOfWork, owner_id: int | None = None) -> list[Mandate]:
    """Mandates that the actor may see, the newest first; of one owner, or all."""
    rows = unit.all(
        _MANDATE + " AND (CAST(:owner AS bigint) IS NULL OR m.org_id = :owner) ORDER BY m.signed_on DESC, m.id DESC",
        owner=owner_id,
        **unit.sight,
    )
    return [Mandate(**row._mapping) for row in rows]


def end_mandate(unit: UnitOfWork, code: str, ends_on: date) -> bool:
    """Give a mandate its last day."""
    done = unit.run(
        "UPDATE invoicing_mandate SET ends_on = :day WHERE code = :code AND (:staff OR org_id = :org)",
        code=code,
        day=ends_on,
        **unit.sight,
    )
    return done.rowcount == 1


def insert_contract(unit: UnitOfWork, **values: Any) -> None:
    """Insert a role contract; keys are its columns."""
    unit.run(
        "INSERT INTO role_contract (code, org_id, role, reference, signatory, signed_on, ends_on, pay_when_paid,"
        " recorded_by) VALUES (:code, :org_id, :role, :reference, :signatory, :signed_on, :ends_on, :pay_when_paid,"
        " :recorded_by)",
        **values,
    )


def contracts(unit: UnitOfWork, org_id: int | None = None) -> list[RoleContract]:
    """Role contracts that the actor may see, the newest first; of one party, or all."""
    rows = unit.all(
        _CONTRACT + " AND (CAST(:party AS bigint) IS NULL OR c.org_id = :party) ORDER BY c.signed_on DESC, c.id DESC",
        party=org_id,
        **unit.sight,
    )
    return [RoleContract(**row._mapping) for row in rows]


def end_contract(unit: UnitOfWork, code: str, ends_on: date) -> bool:
    """Give a role contract its last day."""
    return unit.run("UPDATE role_contract SET ends_on = :day WHERE code = :code", code=code, day=ends_on).rowcount == 1
