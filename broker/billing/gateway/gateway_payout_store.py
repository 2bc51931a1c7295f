"""The only place with the SQL of money sent from the gateway's balance to our bank."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Row

from broker.billing.gateway.gateway_objects import Moved
from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class GatewayPayout:
    """Money of the balance on its way to our bank; `problem` is the gateway's code of a refusal."""

    code: str
    amount_cents: int
    state: Literal["asked", "sent", "failed"]
    reference: str
    problem: str
    asked_at: datetime
    sent_on: date | None


_SELECT = """
SELECT code, amount_cents, state, coalesce(reference, '') AS reference, problem, asked_at, sent_on FROM gateway_payout
"""


def insert(unit: UnitOfWork, code: str, cents: int) -> int:
    """A payout that is asked for."""
    return int(
        unit.scalar(
            "INSERT INTO gateway_payout (code, amount_cents, asked_by) VALUES (:code, :cents, :by) RETURNING id",
            code=code,
            cents=cents,
            by=unit.actor.user_id,
        )
    )


def by_code(unit: UnitOfWork, code: str) -> GatewayPayout | None:
    """One of them."""
    row = unit.one(_SELECT + "WHERE code = :code", code=code)
    return None if row is None else GatewayPayout(**row._mapping)


def latest(unit: UnitOfWork, most: int = 20) -> list[GatewayPayout]:
    """The newest first."""
    return [GatewayPayout(**row._mapping) for row in unit.all(_SELECT + "ORDER BY id DESC LIMIT :most", most=most)]


def waiting_cents(unit: UnitOfWork) -> int:
    """What is asked for and not sent; one request at a time."""
    unit.run("SELECT pg_advisory_xact_lock(7203845)")
    return int(unit.scalar("SELECT coalesce(sum(amount_cents), 0) FROM gateway_payout WHERE state = 'asked'"))


def payout_of(unit: UnitOfWork, reference: str) -> int | None:
    """The id of the payout that the gateway calls so."""
    found = unit.scalar("SELECT id FROM gateway_payout WHERE reference = :reference", reference=reference)
    return None if found is None else int(found)


def lock(unit: UnitOfWork, payout_id: int) -> Row[Any] | None:
    """(code, amount_cents, state, tried_at, asked_on) of a payout, locked."""
    return unit.one(
        "SELECT code, amount_cents, state, tried_at, CAST(asked_at AS date) AS asked_on FROM gateway_payout"
        " WHERE id = :id FOR UPDATE",
        id=payout_id,
    )


def tried(unit: UnitOfWork, payout_id: int) -> None:
    """The gateway is about to be asked."""
    unit.run("UPDATE gateway_payout SET tried_at = coalesce(tried_at, app_now()) WHERE id = :id", id=payout_id)


def ended(unit: UnitOfWork, payout_id: int, found: Moved | None, problem: str) -> None:
    """Keep what the gateway made, or why it refused."""
    unit.run(
        "UPDATE gateway_payout SET state = :state, reference = :reference, line = :line, sent_on = :day,"
        " problem = :problem WHERE id = :id",
        id=payout_id,
        state="failed" if found is None else "sent",
        reference=None if found is None else found.reference,
        line=None if found is None else found.line or None,
        day=None if found is None else found.day,
        problem=problem[:200],
    )
