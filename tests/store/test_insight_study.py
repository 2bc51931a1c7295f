"""What a build works out of a base with real purchases: columns, findings, settings that change them, look-ups."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.audience.build_snapshot import build_snapshot
from broker.catalogue.segments import create_segment
from broker.catalogue.sensitive_text import refuse_sensitive_rule
from broker.insight.base_insight import insight_progress
from broker.insight.customer_study import study_of
from broker.insight.find_customer import forget_lookups, look_up_customer
from broker.insight.lookup import ask_about_customer, customer_answer
from broker.insight.mail_fields import mail_fields
from broker.insight.set_rules import base_rules, rule_history, set_rfm, set_scorecard, set_tiers
from broker.insight.triggers import create_trigger, end_trigger, list_triggers, possible_triggers
from broker.kernel import clock
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import CourtierError, Forbidden, InvalidInput, NotFound
from broker.kernel.settings import InstanceSettings, Settings
from broker.vault.blind_index import reference_keys
from broker.vault.keyring import WorkerKeys
from tests.store.audience_people import make_base, make_contact, make_import, make_organisation, person, write_staging
from tests.store.insight_scene import PEOPLE, House, furnish_house


@pytest.fixture
def house(worker_engine: Engine, web_engine: Engine, worker_keys: WorkerKeys, tmp_path: Path) -> House:
    database = Database(worker_engine)
    settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
    with database.begin() as unit:
        owner = make_organisation(unit, "owner", "jewellery")
    return furnish_house(database, Database(web_engine), worker_keys, settings, Actor("owner", owner, None))


def test_a_build_asks_for_its_findings_and_the_page_sees_how_far_they_are(house: House) -> None:
    with house.database.begin() as unit:
        asked = unit.scalar(
            "SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'build_insight'"
            " AND (args ->> 'row_id')::bigint = :id",
            id=house.snapshot(unit),
        )
    assert asked == 1
    with house.web.begin(house.owner) as unit:
        progress = insight_progress(unit, house.code)
        assert progress is not None
        assert progress.name == "waiting"
    house.study()
    with house.web.begin(house.owner) as unit:
        assert insight_progress(unit, house.code) is None


def test_findings_of_a_base_add_up_and_the_columns_say_the_same(house: House) -> None:
    with house.web.begin(house.owner) as unit:
        create_segment(unit, house.code, "Paris", "department = 75")
        create_segment(unit, house.code, "Parisians of age", "segment Paris and age >= 40")
    found = house.study()
    # Three tiers, nine classes and two segments, one inside the other, against 4 categories and 16 products.
    assert found["affinity"]["tested"] == (3 + 9 + 2) * (4 + 16)
    customers = house.count("value_tier is not missing")
    assert found["customers"] == customers > 300
    for key in ("classes", "tiers", "margin_tiers", "habits"):
        assert sum(row["customers"] for row in found[key]) == customers
    off = {row["name"]: row["customers"] for row in found["off_cycle"]}
    assert off["yes"] == house.count("off_cycle = yes") > 0
    assert house.count("last_bought_bagues is not missing") == house.count("categories has Bagues")
    potential = found["potential"]
    assert potential["reason"] is None
    assert potential["customers"] == house.count("alive is not missing") == house.count("expected_value >= 0")
    assert sum(row["customers"] for row in potential["deciles"]) == customers
    actual = [row["actual"] for row in potential["fit"]["rows"]]
    expected = [row["expected"] for row in potential["fit"]["rows"]]
    assert sum(actual) == pytest.approx(sum(expected), abs=1)
    assert potential["held_out"]["expected"] == pytest.approx(potential["held_out"]["actual"], rel=0.35)
    # Purchases are drawn without regard to the shop, except that one lost nine in ten of its last.
    assert [row["shop"] for row in found["shops"] if row["alert"]] == ["Boutique 0"]
    assert found["shops"][0]["centre"] in ("75011", "75012", "69001")
    assert found["sectors"][0]["sector"] == "services"


def test_classes_tiers_and_scores_follow_what_the_owner_sets_and_versions_stay(house: House) -> None:
    with house.web.begin(house.owner) as unit:
        set_rfm(unit, house.code, {"bins": 3, "classes": [["Stars", 4, 5, 4, 5], ["The rest", 1, 5, 1, 5]]})
        set_tiers(
            unit,
            house.code,
            {"method": "amount", "revenue_large_cents": 100_000, "revenue_medium_cents": 50_000},
        )
        set_scorecard(unit, house.code, [{"name": "Paris", "rule": "department = 75", "points": 10},
                                         {"name": "Rings", "rule": "categories has Bagues", "points": 5},
                                         {"name": "Away", "rule": "recency_days > 365", "points": -3}],
                      refuse_sensitive_rule)  # fmt: skip
        progress = insight_progress(unit, house.code)
        assert progress is not None
    house.renew()
    house.renew()
    with house.database.begin() as unit:
        assert unit.scalar("SELECT max(number) FROM snapshot WHERE base_id = :id", id=house.base_id) == 2
    assert house.count('rfm_class = Stars or rfm_class = "The rest"') == house.count("rfm_class is not missing") > 0
    assert house.count("rfm_monetary > 3") == 0
    assert house.count("value_tier = large") == house.count("spend >= 1000")
    assert house.count("value_tier = medium") == house.count("spend >= 500 and spend < 1000")
    paris, rings = "department = 75", "categories has Bagues"
    assert house.count("score = 15") == house.count(f"{paris} and {rings} and not recency_days > 365")
    assert house.count("score = -3") == house.count(f"not {paris} and not {rings} and recency_days > 365")
    found = house.study()
    assert [row["name"] for row in found["classes"]] == ["Stars", "The rest"]
    assert len(found["heat"]) == 3
    assert sum(row["contacts"] for row in found["score"]["distribution"]) == PEOPLE
    check = found["score"]["check"]
    assert sum(row["buyers"] for row in check["groups"]) == check["buyers"] > 30
    assert found["moves"]["since"] == 1
    with house.web.begin(house.owner) as unit:
        assert [one.version for one in rule_history(unit, house.code, "rfm")] == [1]
        assert base_rules(unit, house.code).scorecard[0].name == "Paris"


def test_a_score_is_held_against_purchases_it_had_not_seen(house: House) -> None:
    """A rule about the purchases after the cut scores nobody in the test, though it scores many today."""
    with house.web.begin(house.owner) as unit:
        set_scorecard(unit, house.code, [{"rule": "recency_days < 90", "points": 100}], refuse_sensitive_rule)
    house.renew()
    assert house.count("score = 100") > 0
    groups = house.study()["score"]["check"]["groups"]
    best = max(groups, key=lambda row: row["low"])
    # Seen with the purchases of the last 90 days, everybody of the best group would have bought: a rate of 1.
    assert best["rate"] < 0.9


def test_settings_and_scorecards_that_make_no_sense_are_refused_with_their_place(house: House) -> None:
    wrong: list[tuple[list[dict[str, Any]], str]] = [
        ([{"rule": "hair_color = grey", "points": 3}], "unknown_field"),
        ([{"rule": "age >", "points": 3}], "bad_rule"),
        ([{"rule": "age > 3", "points": 0}], "bad_criterion"),
        ([{"rule": "age > 3", "points": 1}, {"rule": "score > 3", "points": 1}], "bad_rule"),
        ([{"rule": "hair_colour = catholique", "points": 3}], "sensitive_rule"),
    ]
    with house.web.begin(house.owner) as unit:
        for criteria, code in wrong:
            with pytest.raises(CourtierError) as refusal:
                set_scorecard(unit, house.code, criteria, refuse_sensitive_rule)
            assert refusal.value.code == code
        with pytest.raises(InvalidInput, match="recency 5 and value 5"):
            set_rfm(unit, house.code, {"classes": [["Most", 1, 5, 1, 4], ["Few", 1, 4, 1, 5]]})
        with pytest.raises(InvalidInput, match="must grow"):
            set_rfm(unit, house.code, {"bins": 3, "thresholds": {"frequency": [4, 4]}})
    with house.web.begin(Actor("advertiser", house.owner.org_id, None)) as unit, pytest.raises(Forbidden):
        set_tiers(unit, house.code, {})
    with house.database.begin() as unit:
        other = make_organisation(unit, "owner")
    with house.web.begin(Actor("owner", other, None)) as unit, pytest.raises(NotFound):
        set_tiers(unit, house.code, {})


def test_a_trigger_takes_who_bought_a_year_ago_and_its_mail_knows_the_size(house: House) -> None:
    with house.web.begin(house.owner) as unit:
        offered = {one.field for one in possible_triggers(unit, house.code)}
        assert {"last_bought_bagues", "birth_date", "consent_at", "off_cycle"} <= offered
        trigger = create_trigger(unit, house.code, "A ring a year ago", "last_bought_bagues", 14)
        assert trigger.category == "Bagues"
        with pytest.raises(InvalidInput, match="no event"):
            create_trigger(unit, house.code, "x", "hair_colour", 14)
    with house.database.begin() as unit:
        rows = unit.all(
            "SELECT contact_id, max(day) AS day FROM purchase WHERE base_id = :base AND category = 'Bagues'"
            " GROUP BY contact_id",
            base=house.base_id,
        )
        today = unit.today
        near = []
        for row in rows:
            if (today - row.day).days <= 30:
                continue
            ahead = [row.day.replace(year=today.year + more, day=min(row.day.day, 28)) for more in (0, 1)]
            if any(0 <= (day - today).days + row.day.day - min(row.day.day, 28) <= 14 for day in ahead):
                near.append(row.contact_id)
        assert house.count(trigger.rule_text) == len(near) > 0
        fields = mail_fields(unit, house.base_id, "Bagues", near)
        assert set(fields) == set(near)
        one = fields[near[0]]
        assert one["product"].startswith("Bagues")
        assert one["product_taille"] == str(50 + (near[0] - house.start) % 4)
        bought = unit.all(
            "SELECT DISTINCT product FROM purchase WHERE contact_id = :who AND category = 'Bagues'", who=near[0]
        )
        suggested = {value for name, value in one.items() if name.startswith("suggestion_")}
        assert not suggested & {row.product for row in bought}
    with house.web.begin(house.owner) as unit:
        end_trigger(unit, house.code, trigger.code)
        assert list_triggers(unit, house.code) == []


def test_a_customer_is_found_by_its_reference_and_every_point_of_its_score_is_explained(house: House) -> None:
    who = house.start + 7
    with house.database.begin() as unit:
        (key,) = reference_keys(house.keys, house.base_id, ["C-7"])
        unit.run("UPDATE contact SET reference_key = :key WHERE id = :id", key=key, id=who)
        postcode = unit.scalar("SELECT count(*) FROM purchase WHERE contact_id = :id", id=who)
    with house.web.begin(house.owner) as unit:
        set_scorecard(unit, house.code, [{"name": "Always", "rule": "all", "points": 7},
                                         {"name": "Never", "rule": "not all", "points": 9}],
                      refuse_sensitive_rule)  # fmt: skip
    house.renew()
    codes = {}
    with house.web.begin(house.owner) as unit:
        for reference in (" C-7 ", "C-8"):
            codes[reference] = ask_about_customer(unit, house.keys.front, house.code, reference)
            assert customer_answer(unit, codes[reference]).state == "waiting"
        with pytest.raises(InvalidInput):
            ask_about_customer(unit, house.keys.front, house.code, "  ")
    with house.database.begin() as unit:
        ids = [row.id for row in unit.all("SELECT id FROM customer_lookup WHERE base_id = :id", id=house.base_id)]
    for lookup_id in ids:
        look_up_customer(house.database, house.keys, house.settings, lookup_id)
    with house.web.begin(house.owner) as unit:
        assert customer_answer(unit, codes["C-8"]).state == "not_found"
        answer = customer_answer(unit, codes[" C-7 "])
        assert answer.found is not None
        assert answer.found["score"]["points"] == answer.found["known"]["score"] == 7
        assert [row["met"] for row in answer.found["score"]["criteria"]] == [True, False]
        kinds = [event["kind"] for event in answer.found["timeline"]]
        assert kinds.count("purchase") == postcode
        assert "contact_key" not in json.dumps(answer.found)
    with house.database.begin() as unit:
        left = unit.scalar(
            "SELECT count(*) FROM customer_lookup WHERE base_id = :id AND sealed IS NOT NULL", id=house.base_id
        )
        assert left == 0
        clock.advance(unit.session, timedelta(hours=2))
        assert forget_lookups(unit) >= 2
        unit.session.rollback()


def test_an_empty_base_and_one_of_a_single_day_get_reasons_instead_of_numbers(
    worker_engine: Engine, web_engine: Engine, worker_keys: WorkerKeys, tmp_path: Path
) -> None:
    database, web = Database(worker_engine), Database(web_engine)
    settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
    for number, bought in enumerate((0, 300, 1)):
        with database.begin() as unit:
            owner = make_organisation(unit, "owner")
            base = make_base(unit, owner)
            code = unit.scalar("SELECT code FROM base WHERE id = :id", id=base)
            first, start = make_import(unit, base), base * 1_000_000
            people = [person(start + one, unit.today) for one in range(1, 301)]
            for one in people:
                make_contact(unit, base, one["contact_id"], first)
            times = 3_000 if bought == 1 else 1
            rows = [
                {"base": base, "who": start + 1 + one, "day": unit.today - timedelta(days=5 + turn % 900), "run": first}
                for one in range(bought)
                for turn in range(times)
            ]
            if bought > 1:
                rows = [{**row, "day": unit.today - timedelta(days=5)} for row in rows]
            unit.run_many(
                "INSERT INTO purchase (base_id, contact_id, day, amount_cents, category, import_id)"
                " VALUES (:base, :who, :day, 1000, 'x', :run)",
                rows,
            )
        write_staging(tmp_path / "staging" / f"{first}.parquet", people)
        build_snapshot(database, worker_keys, settings, first, study_of=study_of)
        place = House(database, web, worker_keys, settings, Actor("owner", owner, None), base, code, start)
        found = place.study()
        assert found["customers"] == bought
        assert found["potential"]["reason"] == ("too_few", "one_day", "too_few")[number]
        assert found["score"] is None
        assert found["affinity"]["rows"] == []
        assert place.count("off_cycle is not missing") == (1 if bought == 1 else 0)
