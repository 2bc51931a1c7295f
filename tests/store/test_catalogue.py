"""Segments and data cards through the front's own role: publish, search, count, retire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.audience.rule import Rule
from broker.catalogue.count_card import count_card
from broker.catalogue.find_card import find_card, find_published_card, list_cards
from broker.catalogue.model import DataCard
from broker.catalogue.publish_card import publish_card
from broker.catalogue.retire_card import retire_card
from broker.catalogue.search_cards import search_cards
from broker.catalogue.segments import create_segment, find_segment, list_segments
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.settings import InstanceSettings, Settings
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import make_base, make_import, make_organisation, person, write_staging


@dataclass
class Desk:
    """Stands for the audience process, which has tests of its own: answers as told, notes what it was asked."""

    sized: dict[str, Any]
    shown: int = 61_200
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def size_card(
        self, base_id: int, rule: Rule, advertiser_id: int | None = None, card_id: int | None = None
    ) -> Mapping[str, Any]:
        self.asked.append((base_id, rule))
        return self.sized

    def count_for_advertiser(
        self, viewer_org_id: int, card_id: int, select_rule: Rule | None, send_on: date | None = None
    ) -> Mapping[str, Any]:
        self.asked.append((viewer_org_id, card_id, select_rule))
        return {"shown": self.shown, "below_floor": False}

    def count_cards(
        self, viewer_org_id: int, parts: Sequence[Mapping[str, Any]], send_on: date | None = None
    ) -> Mapping[str, Any]:
        self.asked.append((viewer_org_id, parts))
        return {
            "shown": self.shown * len(parts) - 5_000,
            "below_floor": False,
            "parts": [{"card_id": part["card_id"], "shown": self.shown, "below_floor": False} for part in parts],
        }


@dataclass
class Scene:
    """An owner with a base of 50 people, a colleague of another house, an advertiser; all rows are committed."""

    web: Database
    owner: Actor
    other: Actor
    advertiser: Actor
    base_code: str
    desk: Desk

    def publish(self, title: str = "Clientes fidèles", **given: Any) -> DataCard:
        with self.web.begin(self.owner) as unit:
            segment = create_segment(unit, self.base_code, "Femmes", "gender = F")
        facts: dict[str, Any] = {
            "segment_code": segment.code,
            "title": title,
            "description": "Acheteuses de bijoux en ligne",
            "sector": "mode",
            "cpm_cents": 2_500,
            "minimum_order": 5_000,
            "selects": [{"field": "AGE", "label": "Âge", "surcharge_micros": 2_000}, {"field": "region", "label": ""}],
            **given,
        }
        with self.web.begin(self.owner) as unit:
            return publish_card(unit, self.desk, **facts)


@pytest.fixture
def scene(worker_engine: Engine, web_engine: Engine, worker_keys: WorkerKeys, tmp_path: Path) -> Scene:
    worker = Database(worker_engine)
    with worker.begin() as unit:
        owner, other = make_organisation(unit, "owner"), make_organisation(unit, "owner")
        advertiser = make_organisation(unit, "advertiser")
        base = make_base(unit, owner)
        import_id = make_import(unit, base)
        code: str = unit.scalar("SELECT code FROM base WHERE id = :base", base=base)
        today = unit.today
    settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
    first = base * 1_000_000
    write_staging(tmp_path / "staging" / f"{import_id}.parquet", (person(first + n, today) for n in range(50)))
    build_snapshot(worker, worker_keys, settings, import_id)
    with worker.begin() as unit:
        snapshot: int = unit.scalar("SELECT current_snapshot_id FROM base WHERE id = :base", base=base)
    sized = {
        "reaches_floor": True,
        "floor": 100_000,
        "count": 130_000,
        "rentable": 120_456,
        "exclusions": {"consent": 9_000, "minor": 544, "partner": 0},
        "size_shown": 120_300,
        "profile": {"gender": [{"value": "F", "share": 100}], "region": [{"value": "Bretagne", "share": 40}]},
        "tables": {},
        "snapshot_id": snapshot,
    }
    return Scene(
        Database(web_engine),
        Actor("owner", owner),
        Actor("owner", other),
        Actor("advertiser", advertiser),
        code,
        Desk(sized),
    )


def test_a_segment_keeps_text_and_tree_and_is_its_owners_alone(scene: Scene) -> None:
    with scene.web.begin(scene.owner) as unit:
        segment = create_segment(unit, scene.base_code, " Femmes ", "Gender = F and age >= 30")
        assert (segment.name, segment.rule_text) == ("Femmes", "Gender = F and age >= 30")
        assert segment.rule["rules"][0] == {"op": "=", "field": "gender", "value": "F"}
        assert [one.code for one in list_segments(unit, scene.base_code)] == [segment.code]
        assert create_segment(unit, scene.base_code, "Tous", "").rule_text == "all"
    with scene.web.begin(scene.other) as unit:
        with pytest.raises(NotFound):
            find_segment(unit, segment.code)
        with pytest.raises(NotFound):
            list_segments(unit, scene.base_code)
    with scene.web.begin(scene.advertiser) as unit, pytest.raises(Forbidden):
        create_segment(unit, scene.base_code, "x", "all")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("gendr = F", "unknown_field"),
        ("gender = ", "bad_rule"),
        ("income = lots", "wrong_type"),
        ("occupation = catholique", "sensitive_rule"),
        ("contact_key = 1", "unknown_field"),
    ],
)
def test_a_rule_that_cannot_be_saved_gets_its_reason(scene: Scene, text: str, code: str) -> None:
    with scene.web.begin(scene.owner) as unit, pytest.raises(InvalidInput) as caught:
        create_segment(unit, scene.base_code, "x", text)
    assert caught.value.code == code


def test_a_card_shows_guarded_figures_and_selects_by_their_own_names(scene: Scene) -> None:
    card = scene.publish()
    assert (card.size_shown, card.base_price_micros, card.cpm_cents) == (120_300, 25_000, 2_500)
    assert card.selects == [
        {"field": "age", "label": "Âge", "surcharge_micros": 2_000},
        {"field": "region", "label": "region", "surcharge_micros": 0},
    ]
    with scene.web.begin(scene.advertiser) as unit:
        seen = find_published_card(unit, card.code)
        with pytest.raises(NotFound):
            find_card(unit, card.code)
    assert (seen.size_shown, seen.profile["gender"]) == (120_300, [{"value": "F", "share": 100}])
    assert "120456" not in repr(seen)


def test_a_card_under_the_floor_is_refused_with_what_each_exclusion_cost(scene: Scene) -> None:
    scene.desk.sized |= {"reaches_floor": False, "rentable": 62_000, "count": 80_000}
    with pytest.raises(Conflict) as caught:
        scene.publish()
    assert caught.value.code == "under_floor"
    assert caught.value.details == {
        "size": 62_000,
        "floor": 100_000,
        "count": 80_000,
        "exclusions": {"consent": 9_000, "minor": 544, "partner": 0},
    }
    assert "consent 9,000, minor 544." in caught.value.sentence
    with scene.web.begin(scene.owner) as unit:
        assert list_cards(unit) == []


@pytest.mark.parametrize(
    ("given", "code", "field_name"),
    [
        ({"title": "Familles catholiques pratiquantes, catholique"}, "sensitive_text", "title"),
        ({"description": "Patients atteints de diabète"}, "sensitive_text", "description"),
        ({"description": "trade union members"}, "sensitive_text", "description"),
        ({"title": " "}, "missing_title", "title"),
        ({"sector": ""}, "missing_sector", "sector"),
        ({"cpm_cents": 0}, "bad_price", "cpm_cents"),
        ({"minimum_order": 0}, "bad_minimum", "minimum_order"),
        ({"selects": [{"field": "shoe_size", "label": "x"}]}, "unknown_field", "rule"),
    ],
)
def test_a_card_that_may_not_be_published_gets_its_reason(
    scene: Scene, given: dict[str, Any], code: str, field_name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        scene.publish(**given)
    assert (caught.value.code, caught.value.field) == (code, field_name)


@pytest.mark.parametrize("words", ["fidele", "clientes fidèles", "bijoux", "acheteuse", "mode"])
def test_words_find_a_card_by_their_stems(scene: Scene, words: str) -> None:
    card = scene.publish()
    with scene.web.begin(scene.advertiser) as unit:
        assert card.code in [one.code for one in search_cards(unit, words, size=200).items]
        assert search_cards(unit, "xylophones").total == 0


def test_english_words_find_english_cards_and_odd_searches_do_no_harm(scene: Scene) -> None:
    card = scene.publish("Frequent buyers of running shoes", description="", sector="sports")
    with scene.web.begin(scene.advertiser) as unit:
        assert card.code in [one.code for one in search_cards(unit, "buyer shoe", size=200).items]
        for odd in ("'; --", '"', "a & | !", "(" * 500, "\\"):
            search_cards(unit, odd)
        everything = search_cards(unit, size=1)
        assert everything.total >= len(everything.items) == 1


def test_an_advertiser_counts_with_the_cards_selects(scene: Scene) -> None:
    card = scene.publish()
    with scene.web.begin(scene.advertiser) as unit:
        assert count_card(unit, scene.desk, card.code, "age >= 30") == 61_200
        assert count_card(unit, scene.desk, card.code, " ") == 61_200
        assert scene.desk.asked[-2:] == [
            (scene.advertiser.org_id, card.card_id, {"op": ">=", "field": "age", "value": 30}),
            (scene.advertiser.org_id, card.card_id, None),
        ]
    with scene.web.begin(scene.owner) as unit, pytest.raises(Forbidden):
        count_card(unit, scene.desk, card.code)


def test_a_retired_card_leaves_the_catalogue_for_good(scene: Scene) -> None:
    card = scene.publish()
    with scene.web.begin(scene.other) as unit, pytest.raises(NotFound):
        retire_card(unit, card.code)
    for _ in range(2):
        with scene.web.begin(scene.owner) as unit:
            assert retire_card(unit, card.code).state == "retired"
    with scene.web.begin(scene.advertiser) as unit, pytest.raises(NotFound):
        find_published_card(unit, card.code)
    with scene.web.begin(scene.owner) as unit:
        assert [one.state for one in list_cards(unit)] == ["retired"]
