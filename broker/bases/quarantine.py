"""Sources of consents: how many contacts stand on each, and those that the broker shut out.

A source in quarantine takes its contacts out of every count and every draw from that moment on (the exclusion
`quarantine`), until a person releases it and says why.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from broker.audit.record import record
from broker.bases import audit_consents_store as store
from broker.bases.audit_consents_model import ConsentSource
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.log import blot_out_addresses

LONGEST_REASON = 1000


def list_sources(unit: UnitOfWork, base_code: str) -> list[ConsentSource]:
    """The sources of a base's consents, the largest first; for its owner and the platform's staff."""
    return store.sources_of(unit, find_base(unit, base_code).id)


def quarantine_source(unit: UnitOfWork, source_code: str, reason: str) -> ConsentSource:
    """Shut a source out: who came by it is not rented from now on. The source as it stands then."""
    unit.actor.require("broker")
    said = _reason(reason, "Say why: the owner reads it.")
    source = _found(unit, source_code)
    if not store.quarantine(unit, source.id, said):
        raise Conflict("This source is in quarantine already.", code="in_quarantine")
    record(unit, "consent_source.quarantined", "consent_source", source_code, base=source.base_code, reason=said[:200])
    return _standing(unit, source.base_id, source_code)


def release_source(unit: UnitOfWork, source_code: str, reason: str) -> ConsentSource:
    """Take a source out of quarantine: its contacts can be rented again. Only a person does, and says why."""
    unit.actor.require("broker")
    said = _reason(reason, "Say what changed: which proof was shown, and by whom.")
    source = _found(unit, source_code)
    if not store.release(unit, source.id, said):
        raise Conflict("This source is not in quarantine.", code="not_in_quarantine")
    record(unit, "consent_source.released", "consent_source", source_code, base=source.base_code, reason=said[:200])
    return _standing(unit, source.base_id, source_code)


def _reason(written: str, hint: str) -> str:
    if not written.strip():
        raise InvalidInput(hint, code="no_reason", field="reason")
    return blot_out_addresses(written.strip())[:LONGEST_REASON]


def _found(unit: UnitOfWork, code: str) -> Row[Any]:
    source = store.source_by_code(unit, code)
    if source is None:
        raise NotFound(f"There is no source of consents '{code}'.", code="no_source", field="source")
    return source


def _standing(unit: UnitOfWork, base_id: int, code: str) -> ConsentSource:
    return next(one for one in store.sources_of(unit, base_id) if one.code == code)
