"""The retroplanning of an order: what is to be done by whom until when, worked out backwards from the send date.

The steps and their days are the trade's (docs/orders.md): working days of France before the send, calendar days after
it. An order quoted later than the trade's fifteen working days has a plan of as many days as it has: nothing is due
before there was an order. A step is done when its event has happened; nobody ticks anything.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import icalendar

from broker.bases.calendar import is_working_day, working_days_after, working_days_before

Who = Literal["advertiser", "owner", "broker", "platform"]
State = Literal["done", "done_late", "late", "due", "ahead", "dropped"]
SOON = 2  # days before its due date, a step that waits is `due`


@dataclass(frozen=True, slots=True)
class Step:
    """One step: `before` working days before the send, or `after` days after it (or a word for a later date)."""

    code: str
    who: Who
    before: int | None = None
    after: int | None = None
    month: Literal["within", "end"] | None = None
    event: str = ""  # by which it is done


STEPS: tuple[Step, ...] = (
    Step("brief", "advertiser", before=15, event="quoted"),
    Step("order", "advertiser", before=12, event="placed"),
    Step("prepayment", "advertiser", before=12, event="paid"),
    Step("creative", "advertiser", before=10, event="creative"),
    Step("approval", "owner", before=7, event="approved"),
    Step("integration", "platform", before=5, event="checked"),
    Step("bat", "advertiser", before=2, event="signed"),
    Step("refresh", "platform", after=-1, event="drawn"),  # the eve, be it a Sunday: recipients are drawn then
    Step("send", "platform", before=0, event="sent"),
    Step("statistics_1", "platform", after=1, event="sent"),
    Step("statistics_3", "platform", after=3, event="sent"),
    Step("statistics_7", "platform", after=7, event="settled"),
    Step("report", "platform", month="within", event="reported"),
    Step("settlement", "platform", month="end", event="settled"),
)

LEAD = max(step.before or 0 for step in STEPS)  # working days from the brief to the send


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step with its day. `done_on` is the day of its event; `days_late` counts calendar days."""

    code: str
    who: Who
    due_on: date
    done_on: date | None
    state: State
    days_late: int


def plan(send_on: date, today: date, events: Mapping[str, date], *, dropped: bool = False) -> list[PlannedStep]:
    """The steps of a send, in the order of their days. `events`: name → day it happened. `dropped`: the order ended."""
    steps, lead = [], lead_of(send_on, events.get("quoted"))
    for step in STEPS:
        due, done = due_on(step, send_on, lead), _done_on(step, send_on, today, events)
        late = max(0, ((done or today) - due).days)
        steps.append(PlannedStep(step.code, step.who, due, done, _state(done, due, today, dropped), late))
    return sorted(steps, key=lambda step: step.due_on)


def lead_of(send_on: date, quoted_on: date | None) -> int:
    """Working days that the plan has before the send: the trade's, or fewer where the quote came later."""
    lead = 0
    while lead < LEAD and (quoted_on is None or working_days_before(send_on, lead + 1) >= quoted_on):
        lead += 1
    return lead


def due_on(step: Step, send_on: date, lead: int = LEAD) -> date:
    """The day of a step; with less time before the send its share of it, rounded up, in the same order."""
    if step.before is not None:
        return working_days_before(send_on, -(-step.before * lead // LEAD))
    if step.after is not None:
        return send_on + timedelta(days=step.after)
    if step.month == "within":  # the legal report: a month after the send
        later = _month_after(send_on)
        return later if is_working_day(later) else working_days_before(later, 1)
    last = send_on.replace(day=calendar.monthrange(send_on.year, send_on.month)[1])
    return working_days_after(last, 5)  # the close of the month


def _month_after(day: date) -> date:
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _done_on(step: Step, send_on: date, today: date, events: Mapping[str, date]) -> date | None:
    happened = events.get(step.event)
    if happened is None:
        return None
    if step.after is not None and step.event == "sent":
        # Statistics are there by themselves once their day has come.
        ready = max(happened, send_on) + timedelta(days=step.after)
        return ready if ready <= today else None
    return happened


def _state(done: date | None, due: date, today: date, dropped: bool) -> State:
    if done is not None:
        return "done" if done <= due else "done_late"
    if dropped:
        return "dropped"
    if due < today:
        return "late"
    return "due" if (due - today).days <= SOON else "ahead"


def as_calendar(
    code: str, title: str, steps: list[PlannedStep], names: Mapping[str, str], whose: Mapping[str, str] | None = None
) -> bytes:
    """The plan as an iCalendar file (RFC 5545): a whole day a step, the same UID at each export.

    `names` are the words of steps, `whose` those of parties. A step that is still to be done rings at nine in the
    morning of the day before.
    """
    file = icalendar.Calendar()
    file.add("prodid", "-//Courtier//retroplanning//FR")
    file.add("version", "2.0")
    file.add("x-wr-calname", title)
    for step in steps:
        event = icalendar.Event()
        event.add("uid", f"{code}-{step.code}@courtier")
        event.add("dtstamp", datetime.combine(step.due_on, time(), UTC))
        event.add("dtstart", step.due_on)
        event.add("dtend", step.due_on + timedelta(days=1))
        event.add("summary", f"{names.get(step.code, step.code)} · {title}")
        event.add("description", (whose or {}).get(step.who, step.who))
        event.add("transp", "TRANSPARENT")
        if step.done_on is not None:
            event.add("status", "CONFIRMED")
        elif step.state != "dropped":
            alarm = icalendar.Alarm()
            alarm.add("action", "DISPLAY")
            alarm.add("description", names.get(step.code, step.code))
            alarm.add("trigger", timedelta(hours=-15))
            event.add_component(alarm)
        file.add_component(event)
    return bytes(file.to_ical())
