"""Breaches of personal data: the dossier of each (art. 33(5) GDPR), with who did what then and how many rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

from broker.audit.record import record
from broker.bases import compliance_store as store
from broker.bases.compliance_model import Breach, BreachNature, Dossier
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.log import blot_out_addresses

TEXTS = ("consequences", "measures")
MOMENTS = ("authority_told_at", "people_told_at", "closed_at")
NOTED = (*TEXTS, "rows_affected", *MOMENTS)


def open_breach(
    unit: UnitOfWork,
    base_code: str,
    nature: BreachNature,
    facts: str,
    data: str,
    began_at: datetime,
    ended_at: datetime,
    rows_affected: int = 0,
) -> Breach:
    """Open the dossier of a breach discovered now; the authority is to be told within 72 hours of it."""
    unit.actor.require("owner", "broker")
    base = find_base(unit, base_code)
    if nature not in get_args(BreachNature):
        known = ", ".join(get_args(BreachNature))
        raise InvalidInput(f"A breach is one of {known}.", code="bad_nature", field="nature")
    if not began_at <= ended_at <= unit.now:
        raise InvalidInput("A breach began before it ended, and both are past.", code="bad_times", field="began_at")
    code = new_code("brc")
    store.add_breach(
        unit,
        code=code,
        org_id=base.org_id,
        base_id=base.id,
        discovered_at=unit.now,
        began_at=began_at,
        ended_at=ended_at,
        nature=nature,
        facts=blot_out_addresses(facts),
        data=blot_out_addresses(data),
        rows_affected=rows_affected,
    )
    record(unit, "breach.opened", "breach", code, base=base_code, nature=nature, rows=rows_affected)
    return _found(unit, code)[0]


def note_breach(unit: UnitOfWork, code: str, **values: Any) -> Breach:
    """Add to a dossier: keys of `NOTED`. Texts lose their addresses; each note is recorded."""
    unit.actor.require("owner", "broker")
    _found(unit, code)
    unknown = values.keys() - set(NOTED)
    if unknown or not values:
        raise InvalidInput(f"Noted are {', '.join(NOTED)}.", code="unknown_field", field=min(unknown, default=None))
    if any(values.get(name) is not None and values[name] > unit.now for name in MOMENTS):
        raise InvalidInput("What is noted has happened.", code="bad_times")
    store.note_breach(
        unit, code, {name: blot_out_addresses(value) if name in TEXTS else value for name, value in values.items()}
    )
    record(unit, "breach.noted", "breach", code, what=sorted(values))
    return _found(unit, code)[0]


def list_breaches(unit: UnitOfWork) -> list[Breach]:
    """All dossiers that the actor may see."""
    return store.breaches(unit)


def breach_dossier(unit: UnitOfWork, code: str) -> Dossier:
    """One dossier with the rows of its base and the traces in the audit."""
    breach, base_id = _found(unit, code)
    rows = store.rows_in_base(unit, base_id)
    return Dossier(breach, rows, store.traces(unit, base_id, breach.began_at, breach.ended_at))


def _found(unit: UnitOfWork, code: str) -> tuple[Breach, int]:
    found = store.breach_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no breach dossier '{code}'.", code="no_breach", field="code")
    return found
