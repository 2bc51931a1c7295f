"""Kept days hold for quotes, approvals and picked sends; steps of an order complete themselves."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from broker.bases import calendar_store
from broker.bases.calendar import CalendarDay, CalendarRule
from broker.bases.keep_days import calendar_of, give_back, keep_days, seconds_to_opening, set_calendar_rule
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotFound
from broker.mailings.plan_order import plan_order, planned_sends, waiting_for
from broker.rentals.approve import approve_order
from broker.rentals.find import find_order
from broker.rentals.model import Order
from broker.rentals.place import place_order
from broker.rentals.quote import quote
from tests.store.money_scene import SETTINGS, MoneyScene, NoAudience, build_scene


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def today(scene: MoneyScene) -> date:
    with scene.worker.begin() as unit:
        return unit.today


def quoted(scene: MoneyScene, send_on: date) -> Order:
    with scene.web.begin(scene.advertiser) as unit:
        return quote(unit, NoAudience(), SETTINGS, scene.card_code, 30_000, "", send_on)


def kept(scene: MoneyScene, first: date, last: date, kind: str = "own_campaign") -> CalendarDay:
    with scene.web.begin(scene.owner) as unit:
        return keep_days(unit, scene.base_code, kind, "Soldes d'hiver", first, last)


def test_an_advertiser_learns_that_a_day_is_kept_and_the_next_free_one_but_not_why(scene: MoneyScene) -> None:
    day = today(scene) + timedelta(days=20)
    kept(scene, day, day + timedelta(days=2))
    with pytest.raises(Conflict) as refusal:
        quoted(scene, day)
    assert refusal.value.code == "day_kept"
    assert refusal.value.details == {"next_free": (day + timedelta(days=3)).isoformat()}
    assert "Soldes" not in refusal.value.sentence
    with scene.web.begin(scene.advertiser) as unit:
        base = find_order(unit, quoted(scene, day + timedelta(days=3)).code).base_id
        assert calendar_store.days_of(unit, base, day, day) == []
        with pytest.raises(Forbidden):
            calendar_of(unit, scene.base_code, day, day)


def test_an_order_is_not_approved_for_a_day_kept_since_its_quote(scene: MoneyScene) -> None:
    day = today(scene) + timedelta(days=20)
    order = quoted(scene, day)
    with scene.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative)
    entry = kept(scene, day, day, "blackout")
    with pytest.raises(Conflict), scene.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
    with scene.web.begin(scene.owner) as unit:
        give_back(unit, scene.base_code, entry.code)
        assert approve_order(unit, order.code).state == "approved"
        with pytest.raises(NotFound):
            give_back(unit, scene.base_code, entry.code)
    with scene.web.begin(scene.owner) as unit:
        base, *_ = calendar_of(unit, scene.base_code, day, day)
        assert [send.code for send in planned_sends(unit, base, day, day)] == [order.code]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "party"}, "kind"),
        ({"title": " "}, "title"),
        ({"ends_on": date(2020, 1, 1)}, "ends_on"),
        ({"ends_on": date(2100, 1, 1)}, "ends_on"),
    ],
)
def test_odd_days_are_refused_by_field(scene: MoneyScene, change: dict[str, Any], field: str) -> None:
    day = today(scene)
    asked = {"kind": "blackout", "title": "Pause", "starts_on": day, "ends_on": day} | change
    with pytest.raises(InvalidInput) as refusal, scene.web.begin(scene.owner) as unit:
        keep_days(unit, scene.base_code, **asked)
    assert refusal.value.field == field


@pytest.mark.parametrize("rule", [CalendarRule(9, 9), CalendarRule(0, 25), CalendarRule(closed_weekdays=(0,)),
                                  CalendarRule(closed_weekdays=(1, 2, 3, 4, 5, 6, 7))])  # fmt: skip
def test_a_rule_that_would_never_open_is_refused(scene: MoneyScene, rule: CalendarRule) -> None:
    with pytest.raises(InvalidInput), scene.web.begin(scene.owner) as unit:
        set_calendar_rule(unit, scene.base_code, rule, None)


def test_closed_weekdays_keep_partners_mail_waiting(scene: MoneyScene) -> None:
    day = today(scene)
    others = tuple(number for number in range(1, 8) if number != (day + timedelta(days=3)).isoweekday())
    with scene.web.begin(scene.owner) as unit:
        set_calendar_rule(unit, scene.base_code, CalendarRule(closed_weekdays=others), "webcal://cal.test/a.ics")
        base, rule, _, (url, problem) = calendar_of(unit, scene.base_code, day, day)
        assert (rule.closed_weekdays, url, problem) == (others, "https://cal.test/a.ics", None)
    with scene.worker.begin() as unit:
        assert timedelta(days=2) < timedelta(seconds=seconds_to_opening(unit, base.id)) <= timedelta(days=3)
        assert base.id in calendar_store.feeds_to_read(unit, 12)
        calendar_store.replace_feed(unit, base.id, [CalendarDay("d1", "own_campaign", "x", day, day, True)], None)
        calendar_store.replace_feed(unit, base.id, [], "no_answer")  # unreadable: what it said before stays
        assert len(calendar_store.days_of(unit, base.id, day, day)) == 1
        assert base.id not in calendar_store.feeds_to_read(unit, 12)


def test_a_stranger_keeps_no_days_of_another_base(scene: MoneyScene) -> None:
    day = today(scene)
    with pytest.raises(CourtierError), scene.web.begin(scene.stranger) as unit:
        keep_days(unit, scene.base_code, "blackout", "x", day, day)
    with scene.web.begin(scene.stranger) as unit:
        with scene.worker.begin() as seen:
            base_id = seen.scalar("SELECT id FROM base WHERE code = :code", code=scene.base_code)
        with pytest.raises(ProgrammingError, match="row-level security"):
            calendar_store.add_day(unit, base_id, CalendarDay("d", "blackout", "x", day, day, False))


def test_steps_complete_themselves_as_the_order_moves(scene: MoneyScene) -> None:
    order = quoted(scene, today(scene) + timedelta(days=8))
    with scene.web.begin(scene.advertiser) as unit:
        steps = {step.code: step for step in plan_order(unit, order.code)[1]}
        assert steps["brief"].done_on == unit.today
        assert steps["order"].state != "late"
    scene.wait(5 * 24)
    with scene.web.begin(scene.advertiser) as unit:
        steps = {step.code: step for step in plan_order(unit, order.code)[1]}
        assert steps["order"].state == "late"
        assert (order.code, "order") in [(one.code, step.code) for one, step in waiting_for(unit, [order])]
        place_order(unit, order.code, scene.creative)
    with scene.web.begin(scene.advertiser) as unit:
        steps = {step.code: step for step in plan_order(unit, order.code)[1]}
        assert {code for code, step in steps.items() if step.done_on} == {
            "brief", "order", "creative", "integration", "bat",
        }  # fmt: skip
    with scene.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
        assert {step.code: step for step in plan_order(unit, order.code)[1]}["approval"].state in ("done", "done_late")
    with scene.web.begin(scene.stranger) as unit, pytest.raises(NotFound):
        plan_order(unit, order.code)


def test_an_order_without_a_day_has_no_plan(scene: MoneyScene) -> None:
    order = scene.quoted()
    with scene.web.begin(scene.advertiser) as unit:
        assert plan_order(unit, order.code)[1] == []
