"""The calendar of a base: days its owner keeps for itself, hours, a subscribed calendar, and what partners send."""

from __future__ import annotations

import calendar
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.calendar import CalendarRule, holiday, why_kept
from broker.bases.keep_days import calendar_of, give_back, keep_days, set_calendar_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.mailings.plan_order import planned_sends
from web.http.forms import required_day, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("calendar", __name__)
MONTHS = 3


@pages.get("/bases/<code>/calendar")
@for_roles("owner")
def show(code: str) -> str:
    """Three months from the one asked for."""
    with unit() as work:
        return render_template("calendar/show.html", **_contents(work, code))


@pages.post("/bases/<code>/calendar")
@for_roles("owner")
def keep(code: str) -> Response:
    """Keep days."""
    form = request.form
    return _act(
        code,
        "days_kept",
        lambda work: keep_days(
            work,
            code,
            form.get("kind", ""),
            form.get("title", ""),
            required_day(form.get("starts_on", ""), "starts_on"),
            required_day(form.get("ends_on", "") or form.get("starts_on", ""), "ends_on"),
        ),
    )


@pages.post("/bases/<code>/calendar/<day>/free")
@for_roles("owner")
def free(code: str, day: str) -> Response:
    """Give days back."""
    return _act(code, "days_freed", lambda work: give_back(work, code, day))


@pages.post("/bases/<code>/calendar/rule")
@for_roles("owner")
def rule(code: str) -> Response:
    """Set hours, weekdays, holidays and the subscribed calendar."""
    form = request.form

    def step(work: UnitOfWork) -> None:
        hours = CalendarRule(
            whole_of(form.get("first_hour", "0"), "first_hour"),
            whole_of(form.get("last_hour", "24"), "last_hour"),
            tuple(int(day) for day in form.getlist("closed") if day in "1234567"),
            "on_holidays" in form,
        )
        set_calendar_rule(work, code, hours, form.get("feed_url"))

    return _act(code, "calendar_set", step)


def _act(code: str, news: str, step: Any) -> Response:
    try:
        with unit() as work:
            step(work)
    except CourtierError as refusal:
        with unit() as work:
            return page("calendar/show.html", refusal, form=request.form, **_contents(work, code))
    return redirect(url_for("calendar.show", code=code, done=news), 303)


def _contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    first = _month_asked(work.today)
    months = [_later(first, number) for number in range(MONTHS)]
    end = _later(first, MONTHS) - timedelta(days=1)
    base, hours, days, (feed_url, feed_problem) = calendar_of(work, code, first, end)
    sends = planned_sends(work, base, first, end)
    by_day: dict[date, list[Any]] = {}
    for send in sends:
        by_day.setdefault(send.send_on, []).append(send)
    names: dict[date, list[Any]] = {}
    for entry in days:
        for offset in range((entry.ends_on - entry.starts_on).days + 1):
            names.setdefault(entry.starts_on + timedelta(days=offset), []).append(entry)
    weeks = calendar.Calendar()
    return {
        "base": base,
        "rule": hours,
        "feed_url": feed_url,
        "feed_problem": feed_problem,
        "days": days,
        "sends": sends,
        "today": work.today,
        "months": [(month, weeks.monthdatescalendar(month.year, month.month)) for month in months],
        "before": f"{_later(first, -MONTHS):%Y-%m}",
        "after": f"{_later(first, MONTHS):%Y-%m}",
        "kept": names,
        "planned": by_day,
        "holiday": holiday,
        "why": lambda day: why_kept(day, hours, names),
        "weekdays": [date(2024, 1, number) for number in range(1, 8)],  # a week that starts on a Monday
    }


def _month_asked(today: date) -> date:
    try:
        return date.fromisoformat(f"{request.args.get('from', '')}-01")
    except ValueError:
        return today.replace(day=1)


def _later(month: date, count: int) -> date:
    """The first day of the month that comes `count` months later; the calendar ends where dates do."""
    number = min(max(month.year * 12 + month.month - 1 + count, 12), 9998 * 12)
    return date(number // 12, number % 12 + 1, 1)
