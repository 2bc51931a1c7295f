"""The broker's sampling of consent proofs: some are drawn and judged, and a source found wanting is shut out.

A proof is its moment and its source (page, exact wording, form, partner list); the person stays unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker.audit.record import record
from broker.bases import audit_consents_store as store
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code

MOST_DRAWN = 500
Verdict = Literal["sound", "doubtful", "false"]
VERDICTS = ("sound", "doubtful", "false")


@dataclass(frozen=True, slots=True)
class ProofDrawn:
    """One proof of a sample, with the verdict on it once there is one."""

    place: int
    source_id: int
    source_url: str
    wording: str
    form_version: str
    partner_list_version: int
    consent_at: datetime
    quarantined: bool
    verdict: Verdict | None
    note: str


@dataclass(frozen=True, slots=True)
class ConsentAudit:
    """A sample of one base's proofs."""

    code: str
    base_code: str
    drawn_at: datetime
    proofs: list[ProofDrawn]


def draw_consents(unit: UnitOfWork, base_code: str, size: int) -> ConsentAudit:
    """Draw up to `size` proofs of a base at random, for judging."""
    unit.actor.require("broker")
    if not 1 <= size <= MOST_DRAWN:
        raise InvalidInput(f"Draw between 1 and {MOST_DRAWN} proofs.", code="bad_size", field="size")
    base = find_base(unit, base_code)
    code = new_code("aud")
    drawn = store.draw(unit, code, base.id, size)
    if not drawn:
        raise Conflict("No contact of this base has a whole proof of consent.", code="no_proofs")
    record(unit, "consents.drawn", "base", base.code, audit=code, drawn=drawn)
    return find_audit(unit, code)


def find_audit(unit: UnitOfWork, code: str) -> ConsentAudit:
    """A sample with its verdicts."""
    unit.actor.require("broker")
    row = store.audit(unit, code)
    if row is None:
        raise NotFound(f"There is no consent audit '{code}'.", code="no_audit", field="audit")
    return ConsentAudit(
        row.code, row.base_code, row.drawn_at, [ProofDrawn(**one._mapping) for one in store.proofs(unit, code)]
    )


def judge_consent(unit: UnitOfWork, code: str, place: int, verdict: str, note: str = "") -> None:
    """Record the verdict on one proof; a later one replaces it, and the audit log keeps both."""
    unit.actor.require("broker")
    if verdict not in VERDICTS:
        raise InvalidInput(f"A verdict is {', '.join(VERDICTS)}.", code="bad_verdict", field="verdict")
    if len(note) > 1000:
        raise InvalidInput("A note has at most 1,000 characters.", code="too_long", field="note")
    if not store.judge(unit, code, place, verdict, note):
        raise NotFound(f"There is no proof {place} in the audit '{code}'.", code="no_proof", field="place")
    record(unit, "consent.judged", "consent_audit", code, place=place, verdict=verdict)


def quarantine_source(unit: UnitOfWork, code: str, place: int, reason: str) -> None:
    """Shut out the source of a proof: from the base's next snapshot on, who came by it is not rented."""
    unit.actor.require("broker")
    if not reason.strip():
        raise InvalidInput("Say why: the owner reads it.", code="no_reason", field="reason")
    proof = next((one for one in find_audit(unit, code).proofs if one.place == place), None)
    if proof is None:
        raise NotFound(f"There is no proof {place} in the audit '{code}'.", code="no_proof", field="place")
    if not store.quarantine(unit, proof.source_id, reason.strip()[:1000]):
        raise Conflict("This source is in quarantine already.", code="in_quarantine")
    record(
        unit, "consent_source.quarantined", "consent_audit", code, source=proof.source_id, reason=reason.strip()[:200]
    )
