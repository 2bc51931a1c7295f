"""The broker's sampling of consent proofs: some are drawn and judged, and a source found wanting is shut out.

A proof is its moment and its source (page, exact wording, form, partner list); the person stays unknown.
"""

from __future__ import annotations

import secrets

from broker.audit.record import record
from broker.bases import audit_consents_store as store
from broker.bases.audit_consents_model import VERDICTS, AuditLine, ConsentAudit
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.log import blot_out_addresses

MOST_DRAWN = 500
LARGEST_SEED = 999_999_999


def draw_consents(
    unit: UnitOfWork, base_code: str, size: int, *, source_code: str = "", seed: int | None = None
) -> ConsentAudit:
    """Draw up to `size` proofs of a base, or of one of its sources, for judging.

    The draw follows from `seed` (one is chosen where none is given) and the proofs held: the same seed draws the same
    contacts again as long as none came or went.
    """
    unit.actor.require("broker")
    if not 1 <= size <= MOST_DRAWN:
        raise InvalidInput(f"Draw between 1 and {MOST_DRAWN} proofs.", code="bad_size", field="size")
    if seed is not None and not 0 <= seed <= LARGEST_SEED:
        raise InvalidInput(f"A seed lies between 0 and {LARGEST_SEED}.", code="bad_seed", field="seed")
    base = find_base(unit, base_code)
    source_id = None
    if source_code:
        source = store.source_by_code(unit, source_code)
        if source is None or source.base_id != base.id:
            raise NotFound(f"The base {base_code} has no source '{source_code}'.", code="no_source", field="source")
        source_id = source.id
    code = new_code("aud")
    chosen = secrets.randbelow(LARGEST_SEED + 1) if seed is None else seed
    drawn = store.draw(unit, code, base.id, source_id, chosen, size)
    if not drawn:
        raise Conflict(
            "There is no whole proof of consent to draw from: nobody of it could be rented anyway.", code="no_proofs"
        )
    record(unit, "consents.drawn", "base", base.code, audit=code, drawn=drawn, seed=chosen, source=source_code or None)
    return find_audit(unit, code)


def find_audit(unit: UnitOfWork, code: str) -> ConsentAudit:
    """A sample with its verdicts."""
    unit.actor.require("broker", "accountant")
    row = store.audit(unit, code)
    if row is None:
        raise NotFound(f"There is no consent audit '{code}'.", code="no_audit", field="audit")
    return ConsentAudit(**row._mapping, proofs=store.proofs(unit, code))


def list_audits(unit: UnitOfWork, base_code: str) -> list[AuditLine]:
    """The samples of a base, the newest first."""
    unit.actor.require("broker", "accountant")
    return store.audits_of(unit, find_base(unit, base_code).id)


def judge_consent(unit: UnitOfWork, code: str, place: int, verdict: str, note: str = "") -> None:
    """Record the verdict on one proof; a later one replaces it, and the audit log keeps both."""
    unit.actor.require("broker")
    if verdict not in VERDICTS:
        raise InvalidInput(f"A verdict is {', '.join(VERDICTS)}.", code="bad_verdict", field="verdict")
    if verdict != "complete" and not note.strip():
        raise InvalidInput(
            "Say what is doubtful or missing: the owner is asked about it.", code="no_reason", field="note"
        )
    if len(note) > 1000:
        raise InvalidInput("A note has at most 1,000 characters.", code="too_long", field="note")
    if not store.judge(unit, code, place, verdict, blot_out_addresses(note.strip())):
        raise NotFound(f"There is no proof {place} in the audit '{code}'.", code="no_proof", field="place")
    record(unit, "consent.judged", "consent_audit", code, place=place, verdict=verdict)
