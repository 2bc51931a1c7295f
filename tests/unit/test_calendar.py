"""Days an owner keeps for itself, opening hours, subscribed calendars; the retroplanning worked out from them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import icalendar
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.bases.calendar import (
    CalendarRule,
    free_days,
    holiday,
    is_working_day,
    next_opening,
    why_kept,
    working_days_before,
)
from broker.bases.keep_days import days_in
from broker.kernel.clock import PARIS
from broker.kernel.fetch_public import FetchRefused
from broker.mailings.retroplan import STEPS, as_calendar, plan

MONDAY = date(2026, 11, 23)
DAYS = st.dates(date(2025, 1, 1), date(2030, 12, 31))


def at(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=PARIS)


def test_french_holidays_are_known() -> None:
    assert [holiday(day) for day in (date(2026, 7, 14), date(2026, 4, 6), MONDAY)] == [
        "Fête nationale", "Lundi de Pâques", None,
    ]  # fmt: skip
    assert not is_working_day(date(2026, 11, 11))
    assert not is_working_day(date(2026, 11, 22))


def test_a_kept_day_a_closed_weekday_and_a_holiday_say_why() -> None:
    rule = CalendarRule(closed_weekdays=(6, 7), on_holidays=False)
    assert why_kept(MONDAY, rule, {MONDAY}) == "kept"
    assert why_kept(MONDAY + timedelta(days=5), rule, ()) == "weekday"
    assert why_kept(date(2026, 12, 25), rule, ()) == "holiday"
    assert why_kept(date(2026, 12, 25), CalendarRule(), ()) is None
    assert next(free_days(date(2026, 12, 25), rule, {date(2026, 12, 28)})) == date(2026, 12, 29)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        (at(MONDAY, 7), at(MONDAY, 9)),
        (at(MONDAY, 9), at(MONDAY, 9)),
        (at(MONDAY, 17, 59), at(MONDAY, 17, 59)),
        (at(MONDAY, 18), at(MONDAY + timedelta(days=2), 9)),
        (at(MONDAY + timedelta(days=1), 12), at(MONDAY + timedelta(days=2), 9)),
    ],
)
def test_partners_mail_waits_for_the_hours_of_a_free_day(now: datetime, opens: datetime) -> None:
    assert next_opening(now, CalendarRule(9, 18), {MONDAY + timedelta(days=1)}) == opens


def test_hours_follow_the_clock_of_paris_over_its_changes() -> None:
    rule = CalendarRule(8, 20)
    before = next_opening(datetime(2026, 10, 24, 20, tzinfo=UTC), rule, ())
    after = next_opening(datetime(2026, 10, 25, 20, tzinfo=UTC), rule, ())
    assert before.astimezone(UTC).hour == 7  # the night in which clocks go back
    assert after.astimezone(UTC).hour == 7
    assert next_opening(datetime(2026, 3, 28, 23, tzinfo=UTC), rule, ()).astimezone(UTC).hour == 6


def test_no_rule_keeps_nobody_waiting() -> None:
    now = at(MONDAY, 3)
    assert next_opening(now, CalendarRule(), ()) == now


def feed(*events: str) -> bytes:
    body = "".join(f"BEGIN:VEVENT\r\nUID:{n}\r\n{event}\r\nEND:VEVENT\r\n" for n, event in enumerate(events))
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:t\r\n{body}END:VCALENDAR\r\n".encode()


def spans(raw: bytes) -> list[tuple[date, date]]:
    return [(day.starts_on, day.ends_on) for day in days_in(raw, MONDAY)]


def test_a_subscribed_calendar_keeps_the_days_of_its_events() -> None:
    raw = feed(
        "DTSTART;VALUE=DATE:20261201\r\nDTEND;VALUE=DATE:20261203\r\nSUMMARY:Soldes",
        "DTSTART:20261205T230000Z\r\nDTEND:20261206T230000Z",
        "DTSTART;VALUE=DATE:20261208\r\nDTEND;VALUE=DATE:20261209\r\nTRANSP:TRANSPARENT",
        "DTSTART;VALUE=DATE:20261209\r\nSTATUS:CANCELLED",
        "DTSTART;VALUE=DATE:20261110",
    )
    assert spans(raw) == [(date(2026, 12, 1), date(2026, 12, 2)), (date(2026, 12, 6), date(2026, 12, 6))]


def test_repeated_events_are_unfolded() -> None:
    raw = feed("DTSTART;VALUE=DATE:20261103\r\nRRULE:FREQ=WEEKLY;COUNT=6\r\nSUMMARY:Lettre")
    assert spans(raw) == [(day, day) for day in (date(2026, 11, 24), date(2026, 12, 1), date(2026, 12, 8))]


@pytest.mark.parametrize("raw", [b"", b"<html>", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"])
def test_what_is_no_calendar_is_refused(raw: bytes) -> None:
    with pytest.raises(FetchRefused) as refusal:
        days_in(raw, MONDAY)
    assert refusal.value.why == "no_calendar"


@given(DAYS)
def test_steps_before_the_send_fall_on_working_days_in_the_order_of_the_trade(send_on: date) -> None:
    steps = {step.code: step for step in plan(send_on, send_on, {})}
    before = [steps[step.code] for step in STEPS if step.before]
    assert all(is_working_day(step.due_on) for step in before)
    assert all(one.due_on <= two.due_on for one, two in pairwise(before))
    assert steps["send"].due_on == send_on
    assert all(steps[code].due_on > send_on for code in ("statistics_1", "statistics_7", "report", "settlement"))


def test_the_days_of_a_known_plan() -> None:
    # Sent on Tuesday 24 November 2026; 11 November is a holiday.
    steps = {step.code: step.due_on for step in plan(date(2026, 11, 24), date(2026, 11, 1), {})}
    assert steps["refresh"] == date(2026, 11, 23)
    assert steps["approval"] == date(2026, 11, 13)
    assert steps["creative"] == date(2026, 11, 9)
    assert steps["order"] == date(2026, 11, 5)
    assert steps["brief"] == working_days_before(date(2026, 11, 24), 15) == date(2026, 11, 2)
    assert steps["report"] == date(2026, 12, 24)
    assert steps["settlement"] == date(2026, 12, 7)


def test_steps_complete_themselves_and_say_how_late_they_are() -> None:
    send_on = date(2026, 11, 24)
    events = {"quoted": date(2026, 11, 2), "placed": date(2026, 11, 10)}
    steps = {step.code: step for step in plan(send_on, date(2026, 11, 12), events)}
    assert (steps["brief"].state, steps["brief"].days_late) == ("done", 0)
    assert (steps["order"].state, steps["order"].days_late) == ("done_late", 5)
    assert steps["prepayment"].state == "late"
    assert steps["approval"].state == "due"
    assert steps["send"].state == "ahead"


def test_statistics_are_ready_when_their_day_has_come() -> None:
    send_on, sent = date(2026, 11, 24), {"sent": date(2026, 11, 24)}
    states = {step.code: step.state for step in plan(send_on, send_on + timedelta(days=4), sent)}
    assert states["statistics_3"] == "done"
    assert states["statistics_7"] != "done"


def test_an_order_that_ended_drops_what_was_left() -> None:
    steps = plan(date(2026, 11, 24), date(2026, 11, 30), {"quoted": date(2026, 11, 2)}, dropped=True)
    assert {step.state for step in steps} == {"done", "dropped"}


def test_the_plan_is_a_calendar_that_other_programs_read() -> None:
    steps = plan(date(2026, 11, 24), date(2026, 11, 1), {})
    raw = as_calendar("ord-1", "Fleurs; été", steps, {"bat": "Signer le BAT"})
    events = icalendar.Calendar.from_ical(raw).walk("VEVENT")
    assert len(events) == len(STEPS)
    signing = next(event for event in events if "bat" in event["UID"])
    assert str(signing["SUMMARY"]) == "Signer le BAT · Fleurs; été"
    assert signing["DTSTART"].dt == date(2026, 11, 20)
    assert as_calendar("ord-1", "Fleurs; été", steps, {"bat": "Signer le BAT"}) == raw


def test_a_step_to_be_done_rings_on_the_day_before_and_one_that_is_done_does_not() -> None:
    done = {"quoted": date(2026, 11, 1), "signed": date(2026, 11, 10)}
    steps = plan(date(2026, 11, 24), date(2026, 11, 12), done)
    raw = as_calendar("ord-1", "Fleurs", steps, {}, {"advertiser": "Annonceur"})
    for event in icalendar.Calendar.from_ical(raw).walk("VEVENT"):
        alarms = event.walk("VALARM")
        assert bool(alarms) == ("brief" not in event["UID"] and "bat" not in event["UID"])
        assert all(alarm["TRIGGER"].dt == timedelta(hours=-15) for alarm in alarms)
        assert "bat" not in event["UID"] or str(event["DESCRIPTION"]) == "Annonceur"


@given(st.dates(date(2026, 1, 1), date(2030, 12, 31)), st.integers(0, 60))
def test_nothing_is_due_before_there_was_an_order(send_on: date, days: int) -> None:
    quoted = send_on - timedelta(days=days)
    steps = plan(send_on, quoted, {"quoted": quoted})
    before = [step for step in steps if step.code not in ("refresh",) and step.due_on <= send_on]
    assert all(step.due_on >= quoted for step in before)
    assert all(step.state != "late" for step in before)  # on the day of the quote nothing is late
    full = [step.code for step in plan(send_on, quoted, {})]
    assert {step.code for step in steps} == set(full)


def test_a_short_plan_keeps_the_order_of_the_steps_and_a_long_one_its_days() -> None:
    send_on = date(2026, 11, 24)
    short = {step.code: step.due_on for step in plan(send_on, date(2026, 11, 16), {"quoted": date(2026, 11, 16)})}
    wanted = {"brief": 16, "order": 17, "creative": 18, "approval": 19, "integration": 20, "bat": 23, "send": 24}
    assert {code: short[code].day for code in wanted} == wanted  # six working days instead of fifteen
    long = plan(send_on, date(2026, 11, 1), {"quoted": date(2026, 10, 1)})
    assert [step.due_on for step in long] == [step.due_on for step in plan(send_on, date(2026, 11, 1), {})]
