"""The only place with the SQL of claims of late interest."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.billing.dunning.dunning_model import Debt
from broker.billing.dunning.dunning_store import debt
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, IntegrityFault


def insert(unit: UnitOfWork, code: str, invoice_id: int, until: date, *, recovery: bool) -> int:
    """Keep a claim; returns its id. One for each invoice and day."""
    try:
        return int(
            unit.scalar(
                "INSERT INTO late_claim (code, invoice_id, until_on, recovery, claimed_by)"
                " VALUES (:code, :invoice, :until, :recovery, :user) RETURNING id",
                code=code,
                invoice=invoice_id,
                until=until,
                recovery=recovery,
                user=unit.actor.user_id,
            )
        )
    except Conflict:
        raise Conflict("The interest up to this day was claimed already.", code="claim_day") from None


def to_issue(unit: UnitOfWork, claim_id: int) -> Row[Any] | None:
    """(number, until_on, recovery) of a claim that waits for its document, locked."""
    return unit.one(
        "SELECT i.number, c.until_on, c.recovery FROM late_claim c JOIN invoice i ON i.id = c.invoice_id"
        " WHERE c.id = :id AND c.done_at IS NULL FOR UPDATE OF c",
        id=claim_id,
    )


def debt_without(unit: UnitOfWork, number: str, claim_id: int) -> Debt:
    """The invoice of a claim as it stood before the claim: with what earlier claims took."""
    found = debt(unit, number)
    if found is None:
        raise IntegrityFault(f"The invoice {number} of a claim is gone.", code="claim_without_invoice")
    until = unit.scalar(
        "SELECT max(until_on) FROM late_claim c JOIN invoice i ON i.id = c.invoice_id"
        " WHERE i.number = :number AND c.id < :id",
        number=number,
        id=claim_id,
    )
    return replace(found, claimed_until=until)


def done(unit: UnitOfWork, claim_id: int, document_id: int | None) -> None:
    """The claim has its document, or none was needed."""
    unit.run(
        "UPDATE late_claim SET document_id = :document, done_at = app_now() WHERE id = :id",
        id=claim_id,
        document=document_id,
    )


def claims_of(unit: UnitOfWork, number: str) -> list[Row[Any]]:
    """(code, until_on, recovery, claimed_at, document, total_cents, done) of an invoice's claims, the newest first."""
    return unit.all(
        "SELECT c.code, c.until_on, c.recovery, c.claimed_at, coalesce(d.number, '') AS document,"
        " coalesce(d.total_cents, 0) AS total_cents, c.done_at IS NOT NULL AS done FROM late_claim c"
        " JOIN invoice i ON i.id = c.invoice_id LEFT JOIN invoice d ON d.id = c.document_id"
        " WHERE i.number = :number ORDER BY c.id DESC",
        number=number,
    )
