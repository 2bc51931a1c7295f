"""What a base is worth snapshot by snapshot."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.bases.publish_partner_list import PartnerName, publish_partner_list
from broker.bases.quality import AGES, WEIGHTS, quality_of, score_of, together
from broker.bases.quality_advice import advice_on
from broker.bases.quality_model import Measured
from broker.kernel.errors import NotFound
from tests.store.import_scene import KEYS, PROOF, PROOF_HEADERS, Owner, make_owner

FILE = (
    f"email;civilité;cp;naissance;{PROOF_HEADERS}\n"
    f"a@b.example;M.;75011;1980-01-01;{PROOF}\n"
    f"b@b.example;;75011;2011-01-01;{PROOF}\n"
    "c@b.example;Mme;;;;;;;\n"
)


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    made = make_owner(web_engine, worker_engine, admin_engine, tmp_path)
    with made.front.begin(made.actor) as unit:
        publish_partner_list(unit, made.base_code, [PartnerName("Bijoux Lumière")])
    return made


def bring(owner: Owner, content: str) -> None:
    run = owner.bring(content)
    build_snapshot(owner.worker, KEYS, owner.settings, run.id)


def test_each_snapshot_is_measured_with_what_came_and_what_is_missing(owner: Owner) -> None:
    bring(owner, FILE)
    bring(owner, f"email;{PROOF_HEADERS}\nd@b.example;{PROOF}\n")
    with owner.front.begin(owner.actor) as unit:
        second, first = quality_of(unit, owner.base_code)
    assert (first.number, first.contacts, first.arrivals, first.departures, first.rentable) == (1, 3, 3, 0, 1)
    assert (second.number, second.contacts, second.arrivals, second.departures, second.rentable) == (2, 4, 1, 0, 2)
    assert first.facts["not_rentable"] == {
        "consent": 1, "quarantine": 0, "minor": 1, "partner": 0, "suppression": 0, "retention": 0,
    }  # fmt: skip
    assert first.facts["completeness"]["gender"] == pytest.approx(2 / 3, abs=1e-3)
    assert first.facts["bounce_rate"] is None
    assert [part.name for part in first.parts if not part.measured] == ["bounces", "complaints"]
    counted = [part for part in first.parts if part.measured]
    assert first.score == round(100 * sum(part.share * part.most for part in counted) / 80)


MEASURED = Measured(contacts=100, rentable=50, filled={"gender": 100, "income": 50}, fresh=100, sent=1000)


def test_the_score_is_the_sum_of_its_parts(owner: Owner) -> None:
    score, parts, facts = score_of(MEASURED)
    assert {part.name: part.points for part in parts} == {
        "rentable": 20, "completeness": 15, "freshness": 20, "bounces": 10, "complaints": 10,
    }  # fmt: skip
    assert score == 75
    assert facts["bounce_rate"] == 0
    assert sum(WEIGHTS.values()) == 100


def test_bounces_and_complaints_cost_points_down_to_none() -> None:
    score, parts, _ = score_of(replace(MEASURED, bounced=25, complained=3))
    assert {part.name: part.points for part in parts}["bounces"] == 5
    assert {part.name: part.points for part in parts}["complaints"] == 0
    assert score == 60
    assert score_of(replace(MEASURED, bounced=900))[1][3].points == 0


def test_an_empty_base_scores_nothing() -> None:
    assert score_of(Measured())[0] == 0


def test_a_neighbour_sees_no_quality(
    owner: Owner, web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path
) -> None:
    bring(owner, FILE)
    neighbour = make_owner(web_engine, worker_engine, admin_engine, tmp_path / "other")
    with neighbour.front.begin(neighbour.actor) as unit:
        assert unit.scalar("SELECT count(*) FROM base_quality WHERE base_id = :b", b=owner.base_id) == 0
        with pytest.raises(NotFound):
            quality_of(unit, owner.base_code)


def test_customers_and_prospects_are_measured_apart_and_add_up(owner: Owner) -> None:
    bring(
        owner,
        f"email;relation;cp;{PROOF_HEADERS}\n"
        f"a@b.example;client;75011;{PROOF}\n"
        f"b@b.example;prospect;;{PROOF}\n"
        "c@b.example;prospect;;;;;;\n",
    )
    with owner.front.begin(owner.actor) as unit:
        (one,) = quality_of(unit, owner.base_code)
    customers, prospects = one.of("customer"), one.of("prospect")
    assert (customers["contacts"], prospects["contacts"]) == (1, 2)
    assert (customers["rentable"], prospects["rentable"], one.rentable) == (1, 1, 2)
    assert customers["completeness"]["postcode"] == 1
    assert prospects["not_rentable"]["consent"] == 1
    for name in ("purchase", "activity", "click"):
        assert sum(one.facts["ages"][name].values()) == 3
        assert set(one.facts["ages"][name]) == set(AGES)
    assert one.facts["ages"]["purchase"]["never"] == 3


def test_who_is_not_rentable_counts_once_under_the_first_reason(owner: Owner) -> None:
    old = "01/02/2019 10:11;https://x.example/f;J'accepte;f1;1"
    unnamed = "01/02/2026 10:11;https://x.example/f;J'accepte;f1;7"
    bring(
        owner,
        f"email;naissance;{PROOF_HEADERS}\n"
        f"a@b.example;1980-01-01;{PROOF}\n"
        f"b@b.example;1980-01-01;{old}\n"
        f"c@b.example;1980-01-01;{unnamed}\n"
        f"d@b.example;2011-01-01;{unnamed}\n",
    )
    with owner.front.begin(owner.actor) as unit:
        (one,) = quality_of(unit, owner.base_code)
    assert one.rentable == 1
    assert one.facts["not_rentable"] == {
        "consent": 0, "quarantine": 0, "minor": 1, "partner": 1, "suppression": 0, "retention": 1,
    }  # fmt: skip
    assert one.rentable + sum(one.facts["not_rentable"].values()) == one.contacts


def test_two_groups_together_are_their_sums() -> None:
    one = Measured(contacts=2, rentable=1, filled={"gender": 2}, ages={"click": {"3": 1}}, sent=5)
    other = Measured(contacts=3, filled={"income": 1}, ages={"click": {"3": 2, "never": 1}}, bounced=1)
    both = together(one, other)
    assert (both.contacts, both.rentable, both.sent, both.bounced) == (5, 1, 5, 1)
    assert both.filled == {"gender": 2, "income": 1}
    assert both.ages == {"click": {"3": 3, "never": 1}}


def test_each_part_says_what_would_raise_it_and_by_how_much(owner: Owner) -> None:
    bring(owner, FILE)
    with owner.front.begin(owner.actor) as unit:
        (one,) = quality_of(unit, owner.base_code)
    advice = advice_on(one)
    assert [(row.what, row.contacts) for row in advice["rentable"]] == [("consent", 1), ("minor", 1)]
    assert advice["rentable"][0].points == pytest.approx(40 / 3 * 100 / 80, abs=0.1)
    assert advice["bounces"] == []
    for part in one.parts:
        missing = (part.most - part.points) * 100 / 80
        assert sum(row.points for row in advice[part.name]) <= missing + 0.3
