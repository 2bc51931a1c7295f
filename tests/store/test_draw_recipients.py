"""The draw of a mailing's recipients: capped, reproducible, nobody excluded."""

from __future__ import annotations

from typing import Any

from broker.audience.parse import parse_rule
from broker.audience.select import select_recipients
from tests.store.audience_people import key_of, person
from tests.store.count_scene import PEOPLE, Scene, mail, scene, suppress

__all__ = ["scene"]


def recipients(scene: Scene, text: str = "all", **given: Any) -> Any:
    with scene.database.begin() as unit:
        facts = {"base_id": scene.base, "advertiser_id": scene.advertiser, "draw_seed": 42, **given}
        return select_recipients(unit, scene.settings, rule=parse_rule(text), **facts)


def test_the_draw_is_capped_reproducible_and_changes_with_its_seed(scene: Scene) -> None:
    one, again = recipients(scene, volume=500), recipients(scene, volume=500)
    assert one.contact_ids.tolist() == again.contact_ids.tolist()
    assert one.contact_keys.tolist() == [key_of(number) for number in one.contact_ids.tolist()]
    assert len(set(one.contact_ids.tolist())) == 500
    other = recipients(scene, volume=500, draw_seed=-7)
    common = set(one.contact_ids.tolist()) & set(other.contact_ids.tolist())
    assert 40 < len(common) < 140  # 500 · 500 / 3000 = 83 expected, seven standard deviations each way
    assert one.exclusions["volume"] == PEOPLE - 500
    assert one.audience_size == len(one.contact_ids) + sum(one.exclusions.values())


def test_a_smaller_volume_draws_the_first_of_a_larger_one(scene: Scene) -> None:
    large, small = recipients(scene, volume=1_000), recipients(scene, volume=100)
    assert large.contact_ids[:100].tolist() == small.contact_ids.tolist()


def test_recipients_answer_the_rule_and_the_selects_and_nobody_excluded(scene: Scene) -> None:
    with scene.database.begin() as unit:
        today = unit.today
        for number in range(1, 200):
            suppress(unit, number, "everywhere")
    found = recipients(scene, "gender = F", select_rule=parse_rule("hair_colour = grey"))
    wanted = {
        number
        for number in range(200, PEOPLE + 1)
        if (row := person(number, today))["gender"] == "F" and row["hair_colour"] == "grey"
    }
    assert set(found.contact_ids.tolist()) == wanted
    assert found.exclusions["volume"] == 0


def test_nobody_stands_twice_in_a_dispatch(scene: Scene) -> None:
    with scene.database.begin() as unit:
        dispatch = mail(unit, scene, range(1, 51), times=1, days_ago=0)
    found = recipients(scene, dispatch_id=dispatch)
    assert found.exclusions["duplicates"] == 50
    assert not set(found.contact_ids.tolist()) & set(range(1, 51))
