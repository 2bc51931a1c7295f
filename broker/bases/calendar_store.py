"""The queries of bases' calendars."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from broker.bases.calendar import LOOK_AHEAD, CalendarDay, CalendarRule
from broker.kernel.database import UnitOfWork

_DAY = "SELECT code, kind, title, starts_on, ends_on, feed FROM calendar_day"


def days_of(unit: UnitOfWork, base_id: int, start: date, end: date) -> list[CalendarDay]:
    """The entries that touch a span of days, in order."""
    rows = unit.all(
        _DAY + " WHERE base_id = :base AND starts_on <= :end AND ends_on >= :start ORDER BY starts_on, ends_on, id",
        base=base_id,
        start=start,
        end=end,
    )
    return [CalendarDay(**row._asdict()) for row in rows]


def add_day(unit: UnitOfWork, base_id: int, day: CalendarDay) -> None:
    """Keep days."""
    unit.run(
        "INSERT INTO calendar_day (code, base_id, kind, title, starts_on, ends_on, feed)"
        " VALUES (:code, :base, :kind, :title, :starts_on, :ends_on, :feed)",
        base=base_id,
        code=day.code,
        kind=day.kind,
        title=day.title,
        starts_on=day.starts_on,
        ends_on=day.ends_on,
        feed=day.feed,
    )


def free_day(unit: UnitOfWork, base_id: int, code: str) -> bool:
    """Take an entry out; whether there was one."""
    row = unit.one(
        "DELETE FROM calendar_day WHERE base_id = :base AND code = :code RETURNING id", base=base_id, code=code
    )
    return row is not None


def replace_feed(unit: UnitOfWork, base_id: int, days: Sequence[CalendarDay], problem: str | None) -> None:
    """What the subscribed calendar says now; when it could not be read, what it said before stays."""
    if problem is None:
        unit.run("DELETE FROM calendar_day WHERE base_id = :base AND feed", base=base_id)
        for day in days:
            add_day(unit, base_id, day)
    unit.run(
        "UPDATE calendar_rule SET feed_read_at = app_now(), feed_problem = :problem WHERE base_id = :base",
        base=base_id,
        problem=problem,
    )


def kept_days(unit: UnitOfWork, base_id: int, start: date) -> frozenset[date]:
    """The days kept from `start` on, as far as one looks ahead: for whoever plans a send of this base."""
    rows = unit.all(
        "SELECT kept_days(:base, :start, :end) AS day",
        base=base_id,
        start=start,
        end=start + timedelta(days=LOOK_AHEAD),
    )
    return frozenset(row.day for row in rows)


def rule_of(unit: UnitOfWork, base_id: int) -> CalendarRule:
    """What holds on every day of a base."""
    row = unit.one("SELECT * FROM calendar_rule_of(:base)", base=base_id)
    if row is None:
        return CalendarRule()
    return CalendarRule(row.first_hour, row.last_hour, tuple(row.closed_weekdays), row.on_holidays)


def set_rule(unit: UnitOfWork, base_id: int, rule: CalendarRule, feed_url: str | None) -> None:
    """Set what holds on every day, and the calendar to subscribe."""
    unit.run(
        "INSERT INTO calendar_rule (base_id, first_hour, last_hour, closed_weekdays, on_holidays, feed_url)"
        " VALUES (:base, :first, :last, :closed, :holidays, :feed)"
        " ON CONFLICT (base_id) DO UPDATE SET first_hour = excluded.first_hour, last_hour = excluded.last_hour,"
        " closed_weekdays = excluded.closed_weekdays, on_holidays = excluded.on_holidays,"
        " feed_url = excluded.feed_url, set_at = app_now()",
        base=base_id,
        first=rule.first_hour,
        last=rule.last_hour,
        closed=list(rule.closed_weekdays),
        holidays=rule.on_holidays,
        feed=feed_url,
    )
    if feed_url is None:
        unit.run("DELETE FROM calendar_day WHERE base_id = :base AND feed", base=base_id)


def feed_of(unit: UnitOfWork, base_id: int) -> tuple[str | None, str | None]:
    """The subscribed calendar's address, and what was wrong at its last reading."""
    row = unit.one("SELECT feed_url, feed_problem FROM calendar_rule WHERE base_id = :base", base=base_id)
    return (None, None) if row is None else (row.feed_url, row.feed_problem)


def feeds_to_read(unit: UnitOfWork, hours: int) -> list[int]:
    """The bases whose subscribed calendar was not read for some hours."""
    rows = unit.all(
        "SELECT base_id FROM calendar_rule WHERE feed_url IS NOT NULL"
        " AND coalesce(feed_read_at, '-infinity') < app_now() - make_interval(hours => :hours)",
        hours=hours,
    )
    return [row.base_id for row in rows]
