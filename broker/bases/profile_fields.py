"""Which fields of a base its contacts may complete or correct themselves: the owner chooses."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from broker.audit.record import record
from broker.bases import profile_store as store
from broker.bases.find_base import find_base
from broker.bases.profile_model import CORE, IDENTITY
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput

MOST_FIELDS = 40


def open_fields(unit: UnitOfWork, base_code: str) -> tuple[list[str], list[str]]:
    """(fields that are open, fields that could be), in the order of the page."""
    base = find_base(unit, base_code)
    own = [name for name in store.trait_names(unit, base.id) if name not in (*IDENTITY, *CORE)]
    return store.profile_fields(unit, base.id), [*IDENTITY, *CORE, *own]


def choose_profile_fields(unit: UnitOfWork, base_code: str, fields: Sequence[str]) -> None:
    """Open these fields, and no others, on the persons' page."""
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    _, possible = open_fields(unit, base_code)
    for name in fields:
        if name not in possible:
            near = get_close_matches(name, possible, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise InvalidInput(f"This base has no field '{name}' to open.{hint}", code="bad_field", field="fields")
    chosen = [name for name in possible if name in set(fields)]
    if len(chosen) > MOST_FIELDS:
        raise InvalidInput(f"Open {MOST_FIELDS} fields at most.", code="too_many_fields", field="fields")
    store.set_profile_fields(unit, base.id, chosen)
    record(unit, "profile_fields.chosen", "base", base.code, fields=chosen)


def supplied_counts(unit: UnitOfWork, base_code: str) -> dict[str, int]:
    """How many contacts supplied each field themselves."""
    return store.supplied_counts(unit, find_base(unit, base_code).id)
