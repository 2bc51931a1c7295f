"""Breaches of personal data: the dossier of each (art. 33(5) GDPR), with who did what then and how many rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from broker.audit.record import record
from broker.bases import compliance_store as store
from broker.bases.compliance_model import Breach, BreachNature, BreachRisk, Dossier
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.log import blot_out_addresses

TEXTS = ("consequences", "measures", "which_rows", "late_reason", "authority_text", "people_text")
MOMENTS = ("authority_told_at", "people_told_at", "closed_at")
NOTED = (*TEXTS, "rows_affected", "people_affected", "risk", *MOMENTS)


def open_breach(
    unit: UnitOfWork,
    base_code: str,
    nature: BreachNature,
    facts: str,
    data: str,
    began_at: datetime,
    ended_at: datetime,
    rows_affected: int = 0,
    *,
    discovered_at: datetime | None = None,
    which_rows: str = "",
    people_affected: int | None = None,
    risk: BreachRisk = "unknown",
) -> Breach:
    """Open the dossier of a breach discovered now, or when it is said; the authority is to be told within 72 hours.

    `which_rows` says which rows were concerned: lines of a file, references, a segment.
    """
    unit.actor.require("owner", "broker")
    base = find_base(unit, base_code)
    if nature not in get_args(BreachNature):
        known = ", ".join(get_args(BreachNature))
        raise InvalidInput(f"A breach is one of {known}.", code="bad_nature", field="nature")
    discovered = discovered_at or unit.now
    _check_risk(risk)
    if not began_at <= discovered <= unit.now:
        raise InvalidInput(
            "A breach is discovered after it began, and not later than now.", code="bad_times", field="discovered_at"
        )
    if not began_at <= ended_at <= unit.now:
        raise InvalidInput("A breach began before it ended, and both are past.", code="bad_times", field="began_at")
    code = new_code("brc")
    store.add_breach(
        unit,
        code=code,
        org_id=base.org_id,
        base_id=base.id,
        discovered_at=discovered,
        began_at=began_at,
        ended_at=ended_at,
        nature=nature,
        facts=blot_out_addresses(facts),
        data=blot_out_addresses(data),
        rows_affected=rows_affected,
        which_rows=blot_out_addresses(which_rows),
        people_affected=people_affected,
        risk=risk,
    )
    record(unit, "breach.opened", "breach", code, base=base_code, nature=nature, rows=rows_affected)
    return _found(unit, code)[0]


def note_breach(unit: UnitOfWork, code: str, **values: Any) -> Breach:
    """Add to a dossier: keys of `NOTED`. Texts lose their addresses; each note is recorded."""
    unit.actor.require("owner", "broker")
    breach = _found(unit, code)[0]
    unknown = values.keys() - set(NOTED)
    if unknown or not values:
        raise InvalidInput(f"Noted are {', '.join(NOTED)}.", code="unknown_field", field=min(unknown, default=None))
    if any(values.get(name) is not None and values[name] > unit.now for name in MOMENTS):
        raise InvalidInput("What is noted has happened.", code="bad_times")
    if "risk" in values:
        _check_risk(values["risk"])
    _check_late(breach, values)
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


def _check_risk(risk: str) -> None:
    if risk not in get_args(BreachRisk):
        raise InvalidInput(f"The risk is one of {', '.join(get_args(BreachRisk))}.", code="bad_risk", field="risk")


def _check_late(breach: Breach, values: Mapping[str, Any]) -> None:
    """Whoever tells the authority after 72 hours says why (art. 33(1))."""
    told = values.get("authority_told_at")
    if told is not None and told > breach.authority_due_at and not (values.get("late_reason") or breach.late_reason):
        raise InvalidInput(
            "The authority was told after 72 hours: say why it took longer.", code="missing_reason", field="late_reason"
        )


def _found(unit: UnitOfWork, code: str) -> tuple[Breach, int]:
    found = store.breach_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no breach dossier '{code}'.", code="no_breach", field="code")
    return found
