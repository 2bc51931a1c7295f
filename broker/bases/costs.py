"""Upkeep costs of a base: entered, corrected and ended by its owner, who alone sees them."""

from __future__ import annotations

from datetime import date

from broker.audit.record import record
from broker.bases import costs_store as store
from broker.bases.costs_model import RHYTHMS, Cost, Rhythm
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.ids import new_code

LARGEST_CENTS = 100_000_000_000
EARLIEST, LATEST = date(1990, 1, 1), date(2100, 12, 31)


def add_cost(
    unit: UnitOfWork,
    base_code: str,
    label: str,
    rhythm: Rhythm,
    amount_cents: int,
    starts_on: date,
    ends_on: date | None = None,
) -> Cost:
    """Enter a cost of a base: every month, or once."""
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    cost = _checked(Cost(new_code("cost"), label.strip(), rhythm, amount_cents, starts_on, ends_on))
    store.add_cost(unit, cost.code, base.id, cost.label, rhythm, amount_cents, starts_on, cost.ends_on)
    record(unit, "cost.entered", "base_cost", cost.code, base=base_code)
    return cost


def change_cost(
    unit: UnitOfWork,
    base_code: str,
    code: str,
    label: str,
    rhythm: Rhythm,
    amount_cents: int,
    starts_on: date,
    ends_on: date | None = None,
) -> Cost:
    """Correct a cost, or end a monthly one (`ends_on`)."""
    unit.actor.require("owner")
    _found(unit, base_code, code)
    cost = _checked(Cost(code, label.strip(), rhythm, amount_cents, starts_on, ends_on))
    store.change_cost(unit, cost)
    record(unit, "cost.changed", "base_cost", code, base=base_code)
    return cost


def remove_cost(unit: UnitOfWork, base_code: str, code: str) -> None:
    """Take a cost out that was entered by mistake; one that is over is ended instead."""
    unit.actor.require("owner")
    _found(unit, base_code, code)
    store.remove_cost(unit, code)
    record(unit, "cost.removed", "base_cost", code, base=base_code)


def list_costs(unit: UnitOfWork, base_code: str) -> list[Cost]:
    """The costs of a base, the latest first."""
    unit.actor.require("owner")
    return store.costs_of(unit, find_base(unit, base_code).id)


def _found(unit: UnitOfWork, base_code: str, code: str) -> Cost:
    cost = store.cost_by_code(unit, find_base(unit, base_code).id, code)
    if cost is None:
        raise NotFound(f"The base {base_code} has no cost '{code}'.", code="no_cost", field="cost")
    return cost


def _checked(cost: Cost) -> Cost:
    if not 1 <= len(cost.label) <= 200:
        raise InvalidInput("Say what it is for, in 1 to 200 characters.", code="bad_label", field="label")
    if cost.rhythm not in RHYTHMS:
        raise InvalidInput(f"A cost is {' or '.join(RHYTHMS)}.", code="bad_rhythm", field="rhythm")
    if not 1 <= cost.amount_cents <= LARGEST_CENTS:
        raise InvalidInput("The amount is more than nothing.", code="bad_amount", field="amount")
    if not EARLIEST <= cost.starts_on <= LATEST:
        raise InvalidInput("Choose a day between 1990 and 2100.", code="bad_day", field="starts_on")
    if cost.ends_on is not None:
        if cost.rhythm == "once":
            raise InvalidInput("Only a monthly cost has a last month.", code="no_end", field="ends_on")
        if not cost.starts_on <= cost.ends_on <= LATEST:
            raise InvalidInput("The last day is not before the first.", code="ends_before", field="ends_on")
    return cost
