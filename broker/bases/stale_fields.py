"""Fields that grow stale: the owner says after how many months, a daily job looks, home and API remind."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases import enrichment_store as store
from broker.bases.enrichment_model import Reminder, Watch
from broker.bases.find_base import find_base
from broker.bases.quality import quality_of
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound

LONGEST_MONTHS = 120
# What is usually renewed after how long. Offered on the page; nothing is watched that nobody asked for.
USUAL_MONTHS = {
    "postcode": 12,
    "has_phone": 12,
    "has_street": 12,
    "family_status": 24,
    "occupation": 24,
    "income": 24,
}


def watchable_fields(unit: UnitOfWork, base_code: str) -> list[str]:
    """The fields of the base's newest snapshot that can be watched: core fields, then the trade's own."""
    measured = quality_of(unit, base_code)
    if not measured:
        return []
    facts = measured[0].facts
    return [*sorted(facts.get("completeness", {})), *sorted(facts.get("traits", {}))]


def watch_field(unit: UnitOfWork, base_code: str, field: str, months: int) -> Watch:
    """Be reminded when fewer than half of a field's values were renewed within so many months."""
    unit.actor.require("owner")
    base = find_base(unit, base_code)
    if not 1 <= months <= LONGEST_MONTHS:
        raise InvalidInput(f"Choose 1 to {LONGEST_MONTHS} months.", code="bad_months", field="months")
    known = watchable_fields(unit, base_code)
    if field not in known:
        raise InvalidInput(
            f"This base has no field '{field}'. There are {', '.join(known) or 'none before the first import'}.",
            code="unknown_field",
            field="field",
        )
    store.set_watch(unit, base.id, field, months)
    record(unit, "field.watched", "base", base_code, field=field, months=months)
    return Watch(field, months)


def stop_watching(unit: UnitOfWork, base_code: str, field: str) -> None:
    """Be reminded of a field no more."""
    unit.actor.require("owner")
    if not store.drop_watch(unit, find_base(unit, base_code).id, field):
        raise NotFound(f"The field '{field}' is not watched.", code="not_watched", field="field")
    record(unit, "field.watched", "base", base_code, field=field, months=None)


def list_watches(unit: UnitOfWork, base_code: str) -> list[Watch]:
    """The watched fields of a base."""
    return store.watches(unit, find_base(unit, base_code).id)


def list_reminders(unit: UnitOfWork, base_code: str = "") -> list[Reminder]:
    """Stale fields of one base, or of all that the actor may see."""
    base_id = find_base(unit, base_code).id if base_code else None
    return store.reminders(unit, unit.actor.org if unit.actor.role == "owner" else None, base_id)


def remind_of_stale_fields(database: Database) -> int:
    """Daily: look at every watched field; how many have newly grown stale. Twice a day is once."""
    with database.begin() as unit:
        bases = store.watched_bases(unit)
    found = 0
    for base_id, code in bases:
        with database.begin() as unit:
            fresh = store.renew_reminders(unit, base_id)
            if fresh:
                record(unit, "fields.stale", "base", code, fields=fresh)
        found += len(fresh)
    return found
