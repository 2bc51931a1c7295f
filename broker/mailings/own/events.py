"""Events of a standing mailing: for whom one falls due on a day, and which event it is.

| kind | due | the event (one mail each) |
| --- | --- | --- |
| purchase, birthday, consent, date | so many days before the day comes round | the anniversary |
| first_purchase | so many days after the first purchase | that day |
| inactivity | so many days after the last purchase | the last purchase |
| off_cycle | when the customer is later than its own habit | the last purchase |

A day that was missed is made up for within `GRACE_DAYS`: an event is due on its day or up to a week after it, but never
before the mailing began. The two kinds of a state (inactivity, off_cycle) go on being due: without `backlog`, whoever
is in it when the mailing begins is noted and not written to.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from broker.audience.coded import NotCoded
from broker.audience.columns import columns_from_json, with_derived
from broker.audience.loaded import LoadedSnapshot
from broker.audience.model import Mask
from broker.audience.parse import parse_rule
from broker.insight.own_base import own_base
from broker.insight.triggers import FRESH_DAYS, LONGEST_AHEAD, possible_triggers
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput

GRACE_DAYS = 7
LONGEST_AFTER = 730
ANNIVERSARIES = ("purchase", "birthday", "consent", "date")
STATES = ("inactivity", "off_cycle")
COLUMNS = {"first_purchase": "first_purchase", "inactivity": "last_purchase", "off_cycle": "last_purchase"}


@dataclass(frozen=True, slots=True)
class PossibleEvent:
    """An event that a base's people have: its kind and, of anniversaries, the field of the day."""

    kind: str
    field: str


def possible_events(unit: UnitOfWork, base_code: str) -> list[PossibleEvent]:
    """What the current snapshot allows; nothing before the first import."""
    base = own_base(unit, base_code)
    if base.columns is None:
        return []
    found = [PossibleEvent(one.kind, one.field) for one in possible_triggers(unit, base_code)]
    names = {column.name for column in with_derived(columns_from_json(base.columns))}
    found += [PossibleEvent(kind, "") for kind in ("first_purchase", "inactivity") if COLUMNS[kind] in names]
    return found


def check_event(unit: UnitOfWork, base_code: str, kind: str, field: str, days: int) -> tuple[str, str]:
    """(kind, field) of an event that the base has; raises `unknown_event`, `bad_number`."""
    known = possible_events(unit, base_code)
    if not known:
        raise Conflict("This base holds no contacts yet: import a file first.", code="no_snapshot")
    if kind in ("off_cycle", "first_purchase", "inactivity"):
        field = ""
    match = next((one for one in known if one.kind == kind and (not field or one.field == field)), None)
    if match is None:
        names = ", ".join(dict.fromkeys(f"{one.kind} {one.field}".strip() for one in known))
        raise InvalidInput(
            f"This base has no event {f'{kind} {field}'.strip()[:80]!r}; there are: {names}.",
            code="unknown_event",
            field="event",
        )
    most = LONGEST_AHEAD if kind in ANNIVERSARIES else LONGEST_AFTER
    least = 1 if kind == "inactivity" else 0
    if not least <= days <= most:
        raise InvalidInput(f"Write a number of days from {least} to {most}.", code="bad_number", field="event_days")
    return kind, match.field if kind in ANNIVERSARIES else ""


def due_events(
    snapshot: LoadedSnapshot, kind: str, field: str, days: int, today: date, since: date
) -> NDArray[np.datetime64]:
    """For each row the day of its event that is due (datetime64[D]), NaT where none is. Raises `field_gone`."""
    name = COLUMNS.get(kind, field)
    try:
        known = snapshot.days(name)
        if kind == "off_cycle":
            snapshot.missing("off_cycle")
    except (KeyError, NotCoded) as error:
        raise Conflict(
            f"The base has no field {name!r} any more: this mailing's event cannot be told.", code="field_gone"
        ) from error
    if kind in STATES:
        return _in_state(snapshot, kind, known, days, today)
    first = max(since, today - timedelta(days=GRACE_DAYS))
    if kind == "first_purchase":
        due = known + np.timedelta64(days, "D")
        return _where((due >= np.datetime64(first)) & (due <= np.datetime64(today)), known)
    return _anniversaries(known, kind, days, first, today)


def take_out_seen(
    events: NDArray[np.datetime64],
    contact_ids: NDArray[np.int64],
    contacts: NDArray[np.int64],
    days: NDArray[np.datetime64],
) -> None:
    """Make NaT of each row's event that its contact had on that day already; `contacts` and `days` are those pairs.

    A contact may be gone from the rows, and all of them may.
    """
    if not len(contact_ids):
        return
    order = np.argsort(contact_ids, kind="stable")
    at = np.minimum(np.searchsorted(contact_ids[order], contacts), len(order) - 1)
    rows = order[at]
    events[rows[(contact_ids[rows] == contacts) & (events[rows] == days)]] = np.datetime64("NaT")


def _in_state(
    snapshot: LoadedSnapshot, kind: str, last: NDArray[np.datetime64], days: int, today: date
) -> NDArray[np.datetime64]:
    if kind == "off_cycle":
        # As of the snapshot's day; the rule is the same one that segments ask.
        return _where(snapshot.mask(parse_rule("off_cycle = yes"), today), last)
    return _where(last <= np.datetime64(today - timedelta(days=days)), last)


def _anniversaries(
    known: NDArray[np.datetime64], kind: str, days: int, first: date, today: date
) -> NDArray[np.datetime64]:
    """The anniversary that is due: `days` ahead of it its mail leaves. 29 February comes round on 1 March."""
    found = np.full(len(known), np.datetime64("NaT"), dtype="datetime64[D]")
    months = known.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (known - months).astype(np.int64) + 1
    for away in range((today - first).days + 1):
        comes = first + timedelta(days=away + days)
        hit = (month == comes.month) & (day == comes.day)
        if (comes.month, comes.day) == (3, 1) and (comes - timedelta(days=1)).day == 28:
            hit |= (month == 2) & (day == 29)
        hit &= known < np.datetime64(comes - timedelta(days=FRESH_DAYS if kind != "birthday" else 1))
        found[hit] = np.datetime64(comes)
    return found


def _where(rows: Mask, days: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    nothing = np.datetime64("NaT")
    found: NDArray[np.datetime64] = np.where(rows & ~np.isnat(days), days, nothing).astype("datetime64[D]")
    return found
