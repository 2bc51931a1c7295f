"""The count desk on a real base: the guard's memory and budget, odd questions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.audience.count_base import count_base
from broker.audience.model import QuestionBudgetSpent
from broker.audience.parse import parse_rule
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from tests.store.audience_people import make_base, make_organisation, make_partner_list, person
from tests.store.count_scene import PEOPLE, Scene, scene, suppress

__all__ = ["scene"]


def test_the_desk_shows_a_guarded_figure_and_the_same_again(scene: Scene) -> None:
    card = scene.card()
    shown = scene.shown(card)
    assert shown % 10 == 0
    assert abs(shown - PEOPLE) <= 25
    assert scene.shown(card) == shown
    women = scene.shown(card, "gender = F")
    assert abs(women - scene.owner_count("gender = F", scene.advertiser)["rentable"]) <= 25


def test_one_opt_out_does_not_change_what_an_advertiser_sees(scene: Scene) -> None:
    card = scene.card()
    shown = scene.shown(card, "gender = F")
    with scene.database.begin() as unit:
        suppress(unit, 5, "everywhere")
    assert scene.shown(card, "gender = F") == shown
    assert scene.shown(card, "not gender in (M) and gender = F") == shown


def test_two_advertisers_together_see_no_more_than_one(scene: Scene) -> None:
    """One asks with, the other without a person: a memory per viewer would show two figures."""
    with scene.database.begin() as unit:
        today = unit.today
        ally = make_organisation(unit, "advertiser")
        make_partner_list(unit, scene.base, 3, [scene.advertiser, ally])
    scene.load([person(n, today, partner_list=3) for n in range(1, PEOPLE + 1)])
    scene.load([person(7_000, today, income=78, partner_list=3)])
    card = scene.card()
    figures = {scene.shown(card, viewer=scene.advertiser), scene.shown(card, "income != 78", viewer=ally)}
    assert len(figures) == 1


def test_a_refresh_that_adds_one_person_does_not_show_it(scene: Scene) -> None:
    card = scene.card()
    before = scene.shown(card, "gender = F")
    with scene.database.begin() as unit:
        today = unit.today
    scene.load([person(7_001, today, gender="F")])
    assert scene.shown(card, "gender = F") == before
    assert scene.shown(card, "not gender in (M) and gender in (F)") == before
    scene.load([person(number, today, gender="F") for number in range(7_100, 7_400)])
    assert scene.shown(card, "gender = F") > before + 200


def test_a_select_that_takes_few_away_repeats_the_cards_figure(scene: Scene) -> None:
    with scene.database.begin() as unit:
        scene_today = unit.today
    scene.load([person(n, scene_today, income=77) for n in range(6_001, 6_020)])
    card = scene.card()
    assert scene.shown(card, "income != 77") == scene.shown(card)
    assert scene.shown(card, "income = 77") == 0


def test_selects_that_the_card_does_not_offer_are_refused(scene: Scene) -> None:
    card = scene.card(selects=("gender",))
    with pytest.raises(InvalidInput) as caught:
        scene.shown(card, "gender = F and postcode = 75011")
    assert caught.value.code == "select_not_offered"
    with pytest.raises(InvalidInput, match="it offers: gender") as unknown:
        scene.shown(card, "gendre = F")  # told what the card offers, never what the base holds
    assert unknown.value.code == "select_not_offered"
    assert unknown.value.details == {"offered": "gender"}


def test_an_advertiser_off_the_partner_list_reaches_nobody(scene: Scene) -> None:
    assert scene.shown(scene.card(), viewer=scene.stranger) == 0


def test_new_questions_are_budgeted_by_day_and_old_ones_are_free(scene: Scene) -> None:
    scene.settings = replace(scene.settings, disclosure=replace(scene.settings.disclosure, questions_per_day=3))
    card = scene.card()
    for text in ("", "gender = F", "hair_colour = grey"):
        scene.shown(card, text)
    for _ in range(5):
        scene.shown(card, "gender = F")
    with pytest.raises(QuestionBudgetSpent) as caught:
        scene.shown(card, "gender = M")
    assert caught.value.code == "question_budget"
    with scene.database.begin() as unit:
        unit.run("SELECT advance_demo_clock(interval '1 day')")
    scene.shown(card, "gender = M")


def test_a_retired_card_is_not_counted(scene: Scene) -> None:
    card = scene.card()
    with scene.database.begin() as unit:
        unit.run("UPDATE data_card SET state = 'retired' WHERE id = :card", card=card)
    with pytest.raises(NotFound):
        scene.shown(card)


def test_sizing_a_card_says_what_the_floor_and_the_exclusions_do(scene: Scene) -> None:
    whole = scene.desk.answer("size_card", {"base_id": scene.base, "rule": parse_rule("all")})
    assert whole["reaches_floor"]
    assert whole["rentable"] == PEOPLE
    assert abs(whole["size_shown"] - PEOPLE) <= 25
    genders = {entry["value"]: entry["share"] for entry in whole["profile"]["gender"]}
    assert 60 < genders["F"] < 73
    assert {entry["value"] for entry in whole["profile"]["region"]} == {"Île-de-France", "Auvergne-Rhône-Alpes"}
    few = scene.desk.answer("size_card", {"base_id": scene.base, "rule": parse_rule("hair_colour = grey")})
    assert not few["reaches_floor"]
    assert (few["size_shown"], few["profile"]) == (0, {})
    # The card's figure is public: a viewer who asks about nearly the same people sees it again.
    assert scene.shown(scene.card()) == whole["size_shown"]


@pytest.mark.parametrize(
    ("call", "arguments", "code"),
    [
        ("drop_table", {}, "bad_question"),
        ("count_for_owner", {"base_id": "1", "rule": {"op": "all"}}, "bad_question"),
        ("count_for_owner", [], "bad_question"),
        ("count_for_owner", {"base_id": 1, "rule": "all"}, "bad_rule"),
    ],
)
def test_odd_questions_are_refused(scene: Scene, call: str, arguments: object, code: str) -> None:
    if isinstance(arguments, dict) and arguments.get("base_id") == 1:
        arguments = {**arguments, "base_id": scene.base}
    with pytest.raises(InvalidInput) as caught:
        scene.desk.answer(call, arguments)
    assert caught.value.code == code


def test_a_base_without_contacts_says_so(scene: Scene) -> None:
    with scene.database.begin() as unit:
        empty = make_base(unit, scene.owner)
    with pytest.raises(Conflict, match="import a file"):
        scene.desk.answer("count_for_owner", {"base_id": empty, "rule": {"op": "all"}})


def test_the_command_line_counts_a_base_before_exclusions(scene: Scene) -> None:
    with scene.database.begin() as unit:
        suppress(unit, 1, "everywhere")
        code = unit.scalar("SELECT code FROM base WHERE id = :base", base=scene.base)
        assert count_base(unit, scene.settings, code, parse_rule("all"), [], None) == PEOPLE
        with pytest.raises(NotFound, match="neither a file"):
            count_base(unit, scene.settings, "nowhere", parse_rule("all"), [], None)
