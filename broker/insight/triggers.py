"""Anniversaries and other events as segments that renew each day.

A trigger is a rule that looks at today: whoever comes within `days_before` of the anniversary of a day (a purchase in a
category, a birthday, a consent, any date of the owner's trade), or who has just fallen off cycle. Nothing is stored
about people: tomorrow's segment is the same rule tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from broker.audience.check import check_rule
from broker.audience.columns import ANNIVERSARY, Column, columns_from_json, with_derived
from broker.audience.customer_columns import RESERVED_START
from broker.audience.parse import parse_with_places
from broker.audience.words import written
from broker.audit.record import record
from broker.insight import store
from broker.insight.model import Trigger
from broker.insight.own_base import own_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code

KINDS = ("purchase", "birthday", "consent", "off_cycle", "date")
FIELDS = {"birthday": "birth_date", "consent": "consent_at", "off_cycle": "off_cycle"}
LONGEST_AHEAD = 60
# (unit, base code, name, rule text) → the segment's code: segments belong to a later room.
SaveSegment = Callable[[UnitOfWork, str, str, str], str]
FRESH_DAYS = 30  # an anniversary of something that has just happened is none


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trigger that this base could have, not yet defined."""

    kind: str
    field: str
    rule_text: str


def trigger_rule(kind: str, field: str, days_before: int) -> str:
    """The rule text of an event, so many days ahead of it."""
    if kind == "off_cycle":
        return "off_cycle = yes"
    name = written(field + ANNIVERSARY)
    rule = f"{name} <= {days_before}" if days_before else f"{name} = 0"
    if kind == "birthday":
        return rule
    return f"{rule} and {written(field)} < today - {FRESH_DAYS} days"


def possible_triggers(unit: UnitOfWork, base_code: str, days_before: int = 14) -> list[Proposal]:
    """What the current snapshot allows: birthday, consent, off cycle, each category bought, each date of the trade."""
    base = own_base(unit, base_code)
    columns = columns_from_json(base.columns or [])
    found = []
    for column in columns:
        kind = _kind_of(column)
        if kind is not None:
            found.append(Proposal(kind, column.name, trigger_rule(kind, column.name, days_before)))
    return sorted(found, key=lambda one: (KINDS.index(one.kind), one.field))


def create_trigger(
    unit: UnitOfWork,
    base_code: str,
    name: str,
    field: str,
    days_before: int,
    save_segment: SaveSegment | None = None,
) -> Trigger:
    """Define a trigger on a field of the base; `save_segment` keeps its rule as a segment of that name.

    Raises `no_snapshot`, `unknown_field`, `bad_number`, `missing_name`.
    """
    base = own_base(unit, base_code)
    if base.columns is None:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    if not name.strip() or len(name) > 120:
        raise InvalidInput("A trigger needs a name of at most 120 characters.", code="missing_name", field="name")
    if not 0 <= days_before <= LONGEST_AHEAD:
        raise InvalidInput(
            f"A mail leaves 0 to {LONGEST_AHEAD} days before its event.", code="bad_number", field="days_before"
        )
    columns = columns_from_json(base.columns)
    kind = next((_kind_of(column) for column in columns if column.name == field), None)
    if kind is None:
        known = ", ".join(column.name for column in columns if _kind_of(column))
        raise InvalidInput(
            f"{field[:60]!r} is no event of this base; there are: {known or 'none'}.",
            code="unknown_field",
            field="field",
        )
    text = trigger_rule(kind, field, days_before)
    rule, places = parse_with_places(text)
    check_rule(rule, with_derived(columns), places)
    segment_code = None if save_segment is None else save_segment(unit, base_code, name, text)
    code = new_code("tri")
    category = store.category_of_column(unit, base.current_snapshot_id, field) if kind == "purchase" else None
    store.insert_trigger(
        unit,
        base.id,
        {
            "code": code,
            "name": name.strip(),
            "kind": kind,
            "field": field,
            "category": category,
            "days_before": days_before,
            "rule_text": text,
            "segment_code": segment_code,
        },
    )
    record(unit, "trigger.created", "base", base.code, trigger=code, field=field)
    return next(one for one in list_triggers(unit, base_code) if one.code == code)


def list_triggers(unit: UnitOfWork, base_code: str) -> list[Trigger]:
    """The triggers that are on, the newest first."""
    return [Trigger(**row._mapping) for row in store.triggers_of(unit, own_base(unit, base_code).id)]


def end_trigger(unit: UnitOfWork, base_code: str, code: str) -> None:
    """Turn a trigger off; its segment stays. Raises `not_found`."""
    base = own_base(unit, base_code)
    if not store.end_trigger(unit, base.id, code):
        raise NotFound(f"There is no trigger {code!r} on this base.", field="trigger")
    record(unit, "trigger.ended", "base", base.code, trigger=code)


def _kind_of(column: Column) -> str | None:
    if column.name == "off_cycle":
        return "off_cycle"
    if column.type != "date":
        return None
    if column.name.startswith(RESERVED_START):
        return "purchase"
    return {"birth_date": "birthday", "consent_at": "consent"}.get(column.name, "date")
