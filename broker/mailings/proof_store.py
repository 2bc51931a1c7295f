"""The queries of proofs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from broker.kernel.database import UnitOfWork


def ask(unit: UnitOfWork, creative_id: int, code: str, most: int) -> int | None:
    """Ask for proofs of a creative; None where the actor has nothing to do with it."""
    found: int | None = unit.scalar(
        "SELECT ask_proof(:creative, :code, :most)", creative=creative_id, code=code, most=most
    )
    return found


def proofs_of(unit: UnitOfWork, creative_id: int) -> list[Row[Any]]:
    """(code, asked_at, mails, done_at, accepted, refused, content_hash) that the actor asked for, the newest first."""
    return unit.all("SELECT * FROM proofs_of_creative(:creative)", creative=creative_id)


def take(unit: UnitOfWork, request_id: int) -> Row[Any] | None:
    """A request that nobody took yet; from now on its mails may have left."""
    return unit.one(
        "UPDATE proof_request SET taken_at = app_now() WHERE id = :id AND taken_at IS NULL"
        " RETURNING creative_id, org_id",
        id=request_id,
    )


def seeds_of(unit: UnitOfWork, org_id: int) -> Sequence[Row[Any]]:
    """(org_id, sealed) of an organisation's own control addresses; those that we keep ourselves have none."""
    return unit.all(
        "SELECT org_id, sealed FROM seed_address WHERE org_id = :org AND sealed IS NOT NULL AND ended_at IS NULL"
        " ORDER BY id",
        org=org_id,
    )


def finish(unit: UnitOfWork, request_id: int, accepted: int, refused: int) -> None:
    """What became of the mails."""
    unit.run(
        "UPDATE proof_request SET done_at = app_now(), accepted = :accepted, refused = :refused WHERE id = :id",
        id=request_id,
        accepted=accepted,
        refused=refused,
    )
