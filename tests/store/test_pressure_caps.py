"""Caps of a base in counts and at the freeze: over all, of one advertiser, own mailings counting or not."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest

from broker.audience.parse import parse_rule
from broker.audience.pressure_caps import caps_of
from broker.audience.select import select_recipients
from broker.bases.find_base import find_base
from broker.kernel.actor import Actor
from broker.kernel.clock import PARIS
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.mailings.pressure import day_offers, next_window, planned_mail, set_pressure
from tests.store.count_scene import PEOPLE, Scene, mail, scene
from tests.store.test_send_dates import pick

__all__ = ["scene"]


def rule(unit: UnitOfWork, scene: Scene, **values: Any) -> None:
    names = ", ".join(values)
    unit.run(
        f"INSERT INTO pressure_rule (base_id, {names}) VALUES (:base, {', '.join(f':{name}' for name in values)})",
        base=scene.base,
        **values,
    )


def pressed(scene: Scene, advertiser: int | None = None, day: date | None = None) -> int:
    arguments = {
        "base_id": scene.base, "rule": parse_rule("all"), "advertiser_id": advertiser,
        "send_on": None if day is None else day.isoformat(),
    }  # fmt: skip
    return int(scene.desk.answer("count_for_owner", arguments)["exclusions"]["pressure"])


def today(scene: Scene) -> date:
    with scene.database.begin() as unit:
        return unit.today


def test_a_base_may_be_stricter_than_the_platform_and_never_looser(scene: Scene) -> None:
    with scene.database.begin() as unit:
        mail(unit, scene, range(1, 41), times=1, days_ago=1)
        assert caps_of(unit, scene.settings.trade, scene.base).per_week == scene.settings.trade.pressure_per_week
    assert pressed(scene, scene.advertiser) == 0
    with scene.database.begin() as unit:
        rule(unit, scene, per_week=1, per_month=300)
        assert caps_of(unit, scene.settings.trade, scene.base).per_month == scene.settings.trade.pressure_per_month
    assert pressed(scene, scene.advertiser) == 40
    assert pressed(scene, scene.advertiser, today(scene) + timedelta(days=1)) == 40
    assert pressed(scene, scene.advertiser, today(scene) + timedelta(days=7)) == 0


def test_a_cap_of_one_advertiser_holds_back_that_one_alone(scene: Scene) -> None:
    with scene.database.begin() as unit:
        mail(unit, scene, range(1, 41), times=1, days_ago=10)
        rule(unit, scene, advertiser_month=1)
        unit.run("UPDATE base SET partner_policy = 'named_at_consent' WHERE id = :id", id=scene.base)
    for day in (None, today(scene) + timedelta(days=3)):
        assert pressed(scene, scene.advertiser, day) == 40
        assert pressed(scene, scene.stranger, day) == 0


@pytest.mark.parametrize("counts", [True, False])
def test_own_mailings_count_or_not_as_set(scene: Scene, counts: bool) -> None:
    with scene.database.begin() as unit:
        dispatch = mail(unit, scene, range(1, 41), times=1, days_ago=1)
        unit.run("UPDATE mailing SET kind = 'own' WHERE dispatch_id = :id", id=dispatch)
        rule(unit, scene, per_week=1, own_counts=counts)
    expected = 40 if counts else 0
    assert pressed(scene, scene.advertiser) == expected
    assert pressed(scene, scene.advertiser, today(scene) + timedelta(days=1)) == expected


def plan_own(unit: UnitOfWork, scene: Scene, day: date) -> None:
    """A one-time mailing of the owner to its women, planned for a day."""
    segment = unit.scalar(
        "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
        " VALUES (:code, :base, :owner, 'Women', 'gender = F', CAST(:rule AS jsonb)) RETURNING id",
        code=f"seg_own{scene.base}",
        base=scene.base,
        owner=scene.owner,
        rule=json.dumps(parse_rule("gender = F")),
    )
    own = unit.scalar(
        "INSERT INTO own_mailing (code, org_id, base_id, name, goal, held_out_seed)"
        " VALUES (:code, :owner, :base, 'Letter', 'loyalty', 1) RETURNING id",
        code=f"own_{scene.base}",
        owner=scene.owner,
        base=scene.base,
    )
    unit.run("INSERT INTO own_variant (own_mailing_id, place, segment_id) VALUES (:o, 1, :s)", o=own, s=segment)
    at = datetime.combine(day, time(9), PARIS)
    unit.run("UPDATE own_mailing SET state = 'active', starts_at = :at, next_run_at = :at WHERE id = :o", at=at, o=own)


def test_two_for_the_same_people_on_the_same_day_never_get_the_same_person(scene: Scene) -> None:
    """The first is frozen, the second's freeze leaves its people out; a planned own mailing comes before both."""
    day = today(scene)
    women = int(scene.owner_count("gender = F")["count"])
    with scene.database.begin() as unit:
        first = mail(unit, scene, range(1, 1_001), times=1, days_ago=0, state="pending")
        unit.run("UPDATE send SET outcome_at = NULL WHERE dispatch_id = :id", id=first)
        unit.run("UPDATE mailing SET ended_at = NULL, starts_at = app_now() WHERE dispatch_id = :id", id=first)
        terms = {
            "base_id": scene.base,
            "advertiser_id": scene.advertiser,
            "draw_seed": 7,
            "dispatch_id": 202_601_000_001,
        }
        second = select_recipients(unit, scene.settings, rule=parse_rule("all"), send_on=day, **terms)
        assert second.exclusions["reserved"] == 1_000
        assert len(second.contact_ids) == PEOPLE - 1_000
        assert not set(second.contact_ids.tolist()) & set(range(1, 1_001))
        tomorrow = select_recipients(
            unit, scene.settings, rule=parse_rule("all"), send_on=day + timedelta(days=1), **terms
        )
        assert len(tomorrow.contact_ids) == PEOPLE
        plan_own(unit, scene, day + timedelta(days=1))
        tomorrow = select_recipients(
            unit, scene.settings, rule=parse_rule("all"), send_on=day + timedelta(days=1), **terms
        )
        assert len(tomorrow.contact_ids) == PEOPLE - women


def test_what_is_planned_close_together_is_told_with_the_next_free_day(scene: Scene) -> None:
    day = today(scene) + timedelta(days=5)
    with scene.database.begin() as unit:
        code = pick(unit, scene, PEOPLE, day)
        pick(unit, scene, 600, day)
        base = find_base(unit, unit.scalar("SELECT code FROM base WHERE id = :id", id=scene.base))
        owner = UnitOfWork(unit.session, Actor("owner", scene.owner, 1))
        planned = planned_mail(owner, base)
    assert [(one.same_day, one.beside) for one in planned] == [(1, 1), (1, 1)]
    arguments = {"base_id": scene.base, "rule": parse_rule("all"), "start": day.isoformat(), "length": 5}
    whole = scene.desk.answer("pressure_days", arguments)
    assert [one["reserved"] for one in whole["days"]] == [PEOPLE, 0, 0, 0, 0]
    apart = scene.desk.answer("pressure_days", {**arguments, "but": code})
    assert apart["days"][0]["reserved"] == 600
    with scene.database.begin() as unit:
        unit.run(
            "INSERT INTO calendar_day (code, base_id, kind, title, starts_on, ends_on)"
            " VALUES ('pd-' || :base, :base, 'blackout', 't', :day, :day)",
            base=scene.base,
            day=day + timedelta(days=1),
        )
        offers = day_offers(unit, scene.base, whole["people"], whole["days"], own=False)
        own = day_offers(unit, scene.base, whole["people"], whole["days"], own=True)
    free, for_own = next_window(offers), next_window(own)
    assert free is not None
    assert for_own is not None
    assert (free.day, free.free) == (day + timedelta(days=2), True)
    assert for_own.day == day + timedelta(days=1)


def test_looser_caps_are_refused_by_name(scene: Scene) -> None:
    with scene.database.begin() as unit:
        owner = UnitOfWork(unit.session, Actor("owner", scene.owner, 1))
        code = unit.scalar("SELECT code FROM base WHERE id = :id", id=scene.base)
        given: dict[str, Any] = dict.fromkeys(("per_week", "per_month", "advertiser_week", "advertiser_month"))
        with pytest.raises(InvalidInput) as refusal:
            set_pressure(
                owner, scene.settings.trade, code, own_counts=True, caps_own=False, **{**given, "per_month": 9}
            )
        assert (refusal.value.code, refusal.value.field) == ("looser_cap", "per_month")
