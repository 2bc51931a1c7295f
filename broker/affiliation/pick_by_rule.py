"""The owner's own rule: a send every so many days, picked by itself on a day that is free."""

from __future__ import annotations

from datetime import date, timedelta

from broker.affiliation import store
from broker.affiliation.model import Participation
from broker.affiliation.pick import pick_send
from broker.affiliation.withdraw import find_participation
from broker.audit.record import record
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput, NotFound

LEAD_DAYS = 2  # a rule's send is picked so long before its day: time to withdraw it
TRIES = 14  # days looked at for one that is free


def write_rule(
    unit: UnitOfWork, code: str, segment_code: str, volume: int, every_days: int, until: date
) -> Participation:
    """Let a send of this segment be picked every so many days until a day; each can still be withdrawn.

    Raises `InvalidInput` naming the field, `NotFound`, `Conflict` (`not_joined`).
    """
    unit.actor.require("owner")
    found = find_participation(unit, code)
    if found.state != "joined":
        raise Conflict("Take part first: a rule picks sends of programmes you joined.", code="not_joined")
    segment_id = store.segment_of(unit, segment_code, found.base_id)
    if segment_id is None:
        raise NotFound(f"There is no segment {segment_code!r} of this base.", field="segment")
    if volume < 1:
        raise InvalidInput("Pick at least one recipient.", code="bad_volume", field="volume")
    if not 1 <= every_days <= 365:
        raise InvalidInput("Give 1 to 365 days between two sends.", code="bad_days", field="every_days")
    if until < unit.today:
        raise InvalidInput("The rule's last day has passed.", code="bad_days", field="until")
    store.set_rule(unit, found.id, segment_id, volume=volume, days=every_days, until=until)
    record(unit, "participation.rule_written", "participation", code, volume=volume, every_days=every_days)
    return find_participation(unit, code)


def drop_rule(unit: UnitOfWork, code: str) -> Participation:
    """From now on sends are picked by hand; those picked already stay."""
    unit.actor.require("owner")
    found = find_participation(unit, code)
    store.set_rule(unit, found.id, None, volume=None, days=None, until=None)
    record(unit, "participation.rule_dropped", "participation", code)
    return find_participation(unit, code)


def pick_by_rules(database: Database) -> int:
    """Periodic: pick what owners' rules say is due; how many were picked. A day that is kept is passed over."""
    with database.begin() as unit:
        due = store.due_rules(unit)
        today = unit.today
    picked = 0
    for rule in due:
        first = today + timedelta(days=LEAD_DAYS)
        if rule.picked_on is not None:
            first = max(first, rule.picked_on + timedelta(days=rule.days))
        day, problem = _pick(database, rule.owner_id, rule.code, rule.segment_code, rule.volume, first, rule.until)
        picked += day is not None
        with database.begin() as unit:
            store.rule_picked(unit, rule.id, day, problem)
    return picked


def _pick(
    database: Database, owner_id: int, code: str, segment: str, volume: int, first: date, until: date
) -> tuple[date | None, str | None]:
    """The day picked, or the code of what stood in the way on the last day tried."""
    problem = "rule_over"
    for more in range(TRIES):
        day = first + timedelta(days=more)
        if day > until:
            break
        try:
            # As the owner: what it may not do by hand, its rule may not do either.
            with database.begin(Actor("owner", owner_id, name="rule")) as unit:
                pick_send(unit, code, segment, volume, day)
        except CourtierError as error:
            problem = error.code
        else:
            return day, None
    return None, problem
