"""Ask for a creative to be sent as a proof to one's own control addresses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.ids import new_code
from broker.mailings import proof_store as store
from broker.mailings.create_creative import find_creative
from broker.mailings.model import Creative


@dataclass(frozen=True, slots=True)
class Proof:
    """Proofs asked for; `current` while the creative is still what was sent."""

    code: str
    asked_at: datetime
    mails: int
    done_at: datetime | None
    accepted: int
    refused: int
    current: bool


def ask_proof(unit: UnitOfWork, creative_code: str, most_a_day: int) -> Creative:
    """Have each variant sent once to each of the actor's own control addresses, and to nobody else.

    Raises `no_seed_address` without any, `too_many_proofs` beyond `most_a_day` mails in 24 hours.
    """
    unit.actor.require("advertiser", "owner")
    creative = find_creative(unit, creative_code)
    try:
        found = store.ask(unit, creative.id, new_code("proof"), most_a_day)
    except Conflict as error:
        if error.details.get("constraint") == "no_seed_address":
            raise Conflict(
                "There is no control address to send a proof to. Add one under Control addresses.",
                code="no_seed_address",
            ) from None
        if error.details.get("constraint") == "too_many_proofs":
            raise Conflict(
                f"At most {most_a_day} proof mails are sent in 24 hours. Wait, or ask the broker.",
                code="too_many_proofs",
            ) from None
        raise
    if found is None:
        raise NotFound("There is no such creative.", code="creative_not_found")
    record(unit, "proof.asked", "creative", creative_code)
    return creative


def list_proofs(unit: UnitOfWork, creative: Creative) -> list[Proof]:
    """What the actor had sent of a creative, the newest first."""
    return [
        Proof(
            row.code, row.asked_at, row.mails, row.done_at, row.accepted, row.refused,
            bytes(row.content_hash) == creative.content_hash,
        )
        for row in store.proofs_of(unit, creative.id)
    ]  # fmt: skip
