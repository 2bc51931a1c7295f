"""A base's calendar: days and hours that its owner keeps for itself. Pure rules over what `calendar_store` reads.

Partners' mailings, rented or of programmes, leave on free days only, between the first and the last hour, by the
clock of Paris; the owner's own campaigns leave when it wants. France's public holidays are those of mainland France.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

import holidays

from broker.kernel.clock import PARIS

LOOK_AHEAD = 400  # days in which a free one is looked for


@dataclass(frozen=True, slots=True)
class CalendarRule:
    """What holds on every day. Hours of Paris; `last_hour` 24 is midnight; weekdays 1 (Monday) to 7."""

    first_hour: int = 0
    last_hour: int = 24
    closed_weekdays: tuple[int, ...] = ()
    on_holidays: bool = True


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """Days kept, `ends_on` included; `feed`: they come from a calendar that the owner subscribed."""

    code: str
    kind: str
    title: str
    starts_on: date
    ends_on: date
    feed: bool


@lru_cache(maxsize=8)
def _holidays(year: int) -> dict[date, str]:
    return dict(holidays.country_holidays("FR", years=year, language="fr").items())


def holiday(day: date) -> str | None:
    """The French name of a public holiday."""
    return _holidays(day.year).get(day)


def is_working_day(day: date) -> bool:
    """Monday to Friday and no public holiday of France."""
    return day.isoweekday() < 6 and holiday(day) is None


def why_kept(day: date, rule: CalendarRule, kept: Collection[date]) -> str | None:
    """Why partners' mail does not leave on a day: `kept`, `weekday` or `holiday`; None for a free one."""
    if day in kept:
        return "kept"
    if day.isoweekday() in rule.closed_weekdays:
        return "weekday"
    if not rule.on_holidays and holiday(day) is not None:
        return "holiday"
    return None


def free_days(start: date, rule: CalendarRule, kept: Collection[date]) -> Iterator[date]:
    """Free days from `start` on, as far as one looks ahead."""
    for offset in range(LOOK_AHEAD):
        day = start + timedelta(days=offset)
        if why_kept(day, rule, kept) is None:
            yield day


def next_opening(now: datetime, rule: CalendarRule, kept: Collection[date]) -> datetime:
    """The first moment from now on at which partners' mail may leave (now itself within the hours of a free day)."""
    local = now.astimezone(PARIS)
    for day in free_days(local.date(), rule, kept):
        starts = datetime.combine(day, time(rule.first_hour), PARIS)
        ends = datetime.combine(day + timedelta(days=1), time(0), PARIS)
        if rule.last_hour < 24:
            ends = datetime.combine(day, time(rule.last_hour), PARIS)
        if now < ends:
            return max(now, starts)
    return datetime.combine(local.date() + timedelta(days=LOOK_AHEAD), time(rule.first_hour), PARIS)


def working_days_before(day: date, count: int) -> date:
    """The working day that lies `count` working days before `day`."""
    while count:
        day -= timedelta(days=1)
        count -= is_working_day(day)
    return day


def working_days_after(day: date, count: int) -> date:
    """The working day that lies `count` working days after `day`."""
    while count:
        day += timedelta(days=1)
        count -= is_working_day(day)
    return day
