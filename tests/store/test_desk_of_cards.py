"""Several cards counted together by the audience process, over two bases; near cards show one sheet."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.store.audience_people import make_base, make_partner_list, person
from tests.store.count_scene import PEOPLE, Scene, scene

__all__ = ["scene"]


def together(scene: Scene, *parts: tuple[int, Any]) -> dict[str, Any]:
    asked = [{"card_id": card, "select_rule": rule} for card, rule in parts]
    return scene.desk.answer("count_cards", {"viewer_org_id": scene.advertiser, "parts": asked})


def test_somebody_in_two_bases_counts_once(scene: Scene) -> None:
    """The second base holds a thousand people of the first and a thousand others."""
    with scene.database.begin() as unit:
        other = replace(scene, base=make_base(unit, scene.owner))
        make_partner_list(unit, other.base, 1, [scene.advertiser])
        today = unit.today
    other.load([person(n, today) for n in range(PEOPLE - 999, PEOPLE + 1_001)])
    one, two = scene.card(), other.card()
    found = together(scene, (one, None), (two, None))
    assert [abs(part["shown"] - wanted) <= 25 for part, wanted in zip(found["parts"], (PEOPLE, 2_000), strict=True)]
    assert abs(found["shown"] - (PEOPLE + 1_000)) <= 30
    assert together(scene, (two, None), (one, None))["shown"] == found["shown"]
    assert together(scene, (one, None))["shown"] == found["parts"][0]["shown"] == scene.shown(one)


def test_a_card_that_differs_by_few_shows_the_other_cards_sheet(scene: Scene) -> None:
    with scene.database.begin() as unit:
        today = unit.today
    scene.load([person(n, today, income=77) for n in range(6_001, 6_020)])
    sized = {"base_id": scene.base, "rule": {"op": "all"}}
    first = scene.desk.answer("size_card", sized)
    scene.card()
    near = {"base_id": scene.base, "rule": {"op": "not", "rule": {"op": "=", "field": "income", "value": 77}}}
    second = scene.desk.answer("size_card", near)
    assert first["near_card"] == ""
    assert second["near_card"] != ""
    assert second["rentable"] == first["rentable"] - 19
    assert first["size_shown"] % 10 == 0
    assert set(first["profile"]["gender"][0]) == {"value", "share"}
    assert first["tables"]["age|gender"]["columns"] == ("F", "M")
