"""The only place with the SQL of stored answers about VAT numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.billing.invoices.vat_register import VatAnswer
from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a register said about a party's number, and when."""

    party: str
    vat_number: str
    valid: bool
    name: str
    address: str
    consultation: str
    source: str
    asked_at: datetime


def insert(unit: UnitOfWork, org_id: int, number: str, answer: VatAnswer) -> None:
    """Keep an answer."""
    unit.run(
        "INSERT INTO vat_answer (org_id, vat_number, valid, name, address, consultation, source)"
        " VALUES (:org, :number, :valid, :name, :address, :consultation, :source)",
        org=org_id,
        number=number,
        valid=answer.valid,
        name=answer.name,
        address=answer.address,
        consultation=answer.consultation,
        source=answer.source,
    )


def answers(unit: UnitOfWork, since: datetime | None) -> list[StoredAnswer]:
    """Answers that the actor may see, the newest first."""
    rows = unit.all(
        "SELECT coalesce(party_name(v.org_id), '') AS party, v.vat_number, v.valid, v.name, v.address, v.consultation,"
        " v.source, v.asked_at FROM vat_answer v WHERE (:staff OR v.org_id = :org)"
        " AND v.asked_at >= coalesce(CAST(:since AS timestamptz), '-infinity') ORDER BY v.id DESC LIMIT 500",
        since=since,
        **unit.sight,
    )
    return [StoredAnswer(**row._mapping) for row in rows]
