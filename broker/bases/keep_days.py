"""The owner keeps days for itself: entries by hand, a rule for every day, a calendar it subscribes (RFC 5545)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import ceil

import icalendar
import recurring_ical_events

from broker.audit.record import record
from broker.bases import calendar_store
from broker.bases.calendar import LOOK_AHEAD, CalendarDay, CalendarRule, free_days, next_opening, why_kept
from broker.bases.find_base import find_base
from broker.bases.model import Base
from broker.kernel.clock import PARIS
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.fetch_public import FetchRefused, fetch_public
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings

KINDS = ("own_campaign", "blackout")
LONGEST_DAYS = 366
MOST_EVENTS = 2_000
LARGEST_FEED = 2_000_000
FEED_HOURS = 12


def keep_days(unit: UnitOfWork, base_code: str, kind: str, title: str, starts_on: date, ends_on: date) -> CalendarDay:
    """Keep days for an own campaign, or for no mail of partners at all."""
    base = _own(unit, base_code)
    if kind not in KINDS:
        raise InvalidInput(f"Choose one of {', '.join(KINDS)}.", code="bad_kind", field="kind")
    if not title.strip() or len(title) > 120:
        raise InvalidInput("Write 1 to 120 characters.", code="bad_text", field="title")
    if ends_on < starts_on:
        raise InvalidInput("The last day lies before the first.", code="bad_days", field="ends_on")
    if (ends_on - starts_on).days >= LONGEST_DAYS:
        raise InvalidInput(f"Keep at most {LONGEST_DAYS} days at once.", code="bad_days", field="ends_on")
    day = CalendarDay(new_code("day"), kind, title.strip(), starts_on, ends_on, feed=False)
    calendar_store.add_day(unit, base.id, day)
    record(unit, "calendar.kept", "base", base.code, day=day.code, starts_on=str(starts_on), ends_on=str(ends_on))
    return day


def give_back(unit: UnitOfWork, base_code: str, day_code: str) -> None:
    """Free days that were kept."""
    base = _own(unit, base_code)
    if not calendar_store.free_day(unit, base.id, day_code):
        raise NotFound("There is no such entry in this calendar.", code="calendar_day_not_found")
    record(unit, "calendar.freed", "base", base.code, day=day_code)


def set_calendar_rule(unit: UnitOfWork, base_code: str, rule: CalendarRule, feed_url: str | None) -> None:
    """Set the hours, the closed weekdays, holidays, and the calendar to subscribe (https, iCalendar)."""
    base = _own(unit, base_code)
    if not (0 <= rule.first_hour < rule.last_hour <= 24):
        raise InvalidInput(
            "The first hour must lie before the last, both between 0 and 24.", code="bad_hours", field="first_hour"
        )
    if any(not 1 <= day <= 7 for day in rule.closed_weekdays) or len(set(rule.closed_weekdays)) > 6:
        raise InvalidInput(
            "Leave one weekday open at least: 1 is Monday, 7 is Sunday.", code="bad_weekdays", field="closed_weekdays"
        )
    feed = (feed_url or "").strip().replace("webcal://", "https://", 1) or None
    if feed is not None and not feed.startswith(("https://", "http://")):
        raise InvalidInput("Write the calendar's address with https://.", code="bad_url", field="feed_url")
    calendar_store.set_rule(unit, base.id, rule, feed)
    if feed is not None:
        unit.enqueue("read_calendar", base.id)
    record(unit, "calendar.rule_set", "base", base.code, feed=feed is not None)


def read_calendar(database: Database, settings: Settings, base_id: int) -> None:
    """Job: read a subscribed calendar; one that cannot be read leaves what it said before."""
    with database.begin() as unit:
        url, _ = calendar_store.feed_of(unit, base_id)
        today = unit.today
    if url is None:
        return
    days: list[CalendarDay] = []
    problem = None
    try:
        raw = fetch_public(
            url, accept="text/calendar", most_bytes=LARGEST_FEED, private_hosts=settings.instance.private_hosts
        )
        days = days_in(raw, today)
    except FetchRefused as refusal:
        problem = refusal.why
    with database.begin() as unit:
        calendar_store.replace_feed(unit, base_id, days, problem)


def days_in(raw: bytes, today: date) -> list[CalendarDay]:
    """The coming events of an iCalendar file as days. Raises `FetchRefused` (`no_calendar`) when it is none.

    An event of some hours keeps its day; `DTEND` of whole days is the day after the last (RFC 5545, 3.6.1). Events
    that free time (`TRANSP:TRANSPARENT`), and cancelled ones, keep nothing. Repeated events are unfolded.
    """
    try:
        calendar = icalendar.Calendar.from_ical(raw)
        events = recurring_ical_events.of(calendar).between(today, today + timedelta(days=LOOK_AHEAD))
    except (ValueError, KeyError, IndexError):
        raise FetchRefused("no_calendar") from None
    days = []
    for event in events:
        if str(event.get("TRANSP", "")).upper() == "TRANSPARENT" or str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        start = event.get("DTSTART")
        if start is None:
            continue
        first = _day(start.dt)
        last = first
        end = event.get("DTEND")
        if end is not None:
            # An end at midnight, like the end of whole days, lies after the last day.
            last = _day(
                end.dt - timedelta(days=1) if not isinstance(end.dt, datetime) else end.dt - timedelta(seconds=1)
            )
        last = max(first, min(last, first + timedelta(days=LONGEST_DAYS - 1)))
        title = str(event.get("SUMMARY", "")).strip()[:120] or "…"
        days.append(CalendarDay(new_code("day"), "own_campaign", title, first, last, feed=True))
        if len(days) >= MOST_EVENTS:
            break
    return days


def _day(moment: date | datetime) -> date:
    if isinstance(moment, datetime):
        return moment.astimezone(PARIS).date() if moment.tzinfo else moment.date()
    return moment


def require_free(unit: UnitOfWork, base_id: int, day: date, *, field: str = "send_on") -> None:
    """Refuse a day that the owner keeps, with the next free one. Says that it is kept, never for what."""
    rule = calendar_store.rule_of(unit, base_id)
    kept = calendar_store.kept_days(unit, base_id, day)
    why = why_kept(day, rule, kept)
    if why is None:
        return
    free = next(free_days(day, rule, kept), None)
    words = {
        "kept": "The owner keeps this day for itself",
        "weekday": "No partner's mail leaves from this base on that weekday",
        "holiday": "No partner's mail leaves from this base on public holidays",
    }[why]
    hint = f"the next free day is {free.isoformat()}" if free else "no day is free within a year"
    raise Conflict(
        f"{words}; {hint}.",
        code=f"day_{why}",
        field=field,
        details={} if free is None else {"next_free": free.isoformat()},
    )


def seconds_to_opening(unit: UnitOfWork, base_id: int) -> int:
    """How long partners' mail of a base has to wait now: 0 within the hours of a free day."""
    rule, now = calendar_store.rule_of(unit, base_id), unit.now
    opens = next_opening(now, rule, calendar_store.kept_days(unit, base_id, now.astimezone(PARIS).date()))
    return max(0, ceil((opens - now).total_seconds()))


def calendar_of(
    unit: UnitOfWork, base_code: str, start: date, end: date
) -> tuple[Base, CalendarRule, Sequence[CalendarDay], tuple[str | None, str | None]]:
    """What the owner's page shows of a span of days."""
    base = _own(unit, base_code)
    days = calendar_store.days_of(unit, base.id, start, end)
    return base, calendar_store.rule_of(unit, base.id), days, calendar_store.feed_of(unit, base.id)


def _own(unit: UnitOfWork, base_code: str) -> Base:
    unit.actor.require("owner")
    return find_base(unit, base_code)
