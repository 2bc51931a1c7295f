"""Insight over the API: read what was found, set rules, triggers, look up a customer; a neighbour gets nothing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from broker.insight.find_customer import look_up_customer
from broker.kernel.database import Database
from broker.vault.blind_index import reference_keys
from broker.vault.keyring import load_worker
from tests.front_house import House
from tests.store.insight_scene import House as Studied
from tests.store.insight_scene import furnish_house


@pytest.fixture(scope="module")
def studied(house: House, worker_engine: Engine) -> Studied:
    worker = load_worker(house.front.settings.key_dir)
    owner = house.people["owner"].actor
    return furnish_house(Database(worker_engine), house.front.database, worker, house.front.settings, owner)


def call(house: House, who: str, method: str, path: str, body: Any = None) -> Any:
    return house.api.test_client().open(path, method=method, json=body, headers=house.program(who))


def test_findings_are_there_once_worked_out_and_only_for_the_owner(house: House, studied: Studied) -> None:
    place = f"/bases/{studied.code}/insight"
    assert call(house, "owner", "GET", place).status_code == 409
    found = studied.study()
    told = call(house, "owner", "GET", place).json
    assert told["latest"]["found"]["customers"] == found["customers"]
    assert told["progress"] is None
    assert call(house, "stranger", "GET", place).status_code == 404
    assert call(house, "advertiser", "GET", place).status_code == 403


def test_rules_are_kept_in_versions_and_refused_with_their_reason(house: House, studied: Studied) -> None:
    place = f"/bases/{studied.code}/insight"
    card = {"criteria": [{"rule": "age >= 40", "points": 5}, {"name": "Paris", "rule": "department = 75", "points": 3}]}
    assert call(house, "owner", "PUT", f"{place}/scorecard", card).json == {"version": 1}
    assert call(house, "owner", "GET", f"{place}/scorecard").json["items"][0]["body"]["criteria"][1]["name"] == "Paris"
    wrong = {"criteria": [{"rule": "aeg >= 40", "points": 5}]}
    refused = call(house, "owner", "PUT", f"{place}/scorecard", wrong)
    assert (refused.status_code, refused.json["code"]) == (422, "unknown_field")
    assert call(house, "owner", "PUT", f"{place}/classes", {"bins": 4}).json == {"version": 1}
    assert call(house, "owner", "PUT", f"{place}/tiers", {"method": "share", "large_bp": 9_000}).status_code == 422
    assert call(house, "owner", "PUT", f"{place}/potential", {"horizon_days": 90}).json == {"version": 1}
    assert call(house, "stranger", "PUT", f"{place}/potential", {"horizon_days": 90}).status_code == 404


def test_a_trigger_is_defined_with_its_segment_and_ended(house: House, studied: Studied) -> None:
    place = f"/bases/{studied.code}/triggers"
    made = call(house, "owner", "POST", place, {"name": "Birthdays", "field": "birth_date", "days_before": 7})
    assert made.status_code == 201
    assert made.json["rule_text"] == "birth_date_anniversary <= 7"
    segment = call(house, "owner", "GET", f"/segments/{made.json['segment_code']}")
    assert segment.json["rule_text"] == made.json["rule_text"]
    assert call(house, "owner", "DELETE", f"{place}/{made.json['code']}").status_code == 204
    assert call(house, "owner", "DELETE", f"{place}/{made.json['code']}").status_code == 404
    assert call(house, "owner", "GET", place).json == {"items": []}


def test_a_customer_is_looked_up_without_its_reference_being_kept(house: House, studied: Studied) -> None:
    worker = load_worker(house.front.settings.key_dir)
    with studied.database.begin() as unit:
        (key,) = reference_keys(worker, studied.base_id, ["A-1"])
        unit.run(
            "UPDATE contact SET reference_key = :key, pepper_version = :version WHERE id = :id",
            key=key,
            version=worker.pepper_version,
            id=studied.start + 1,
        )
    asked = call(house, "owner", "POST", f"/bases/{studied.code}/customers", {"reference": "A-1"})
    assert (asked.status_code, asked.json["state"]) == (202, "waiting")
    with studied.database.begin() as unit:
        lookup_id = unit.scalar("SELECT max(id) FROM customer_lookup WHERE base_id = :id", id=studied.base_id)
    look_up_customer(studied.database, worker, house.front.settings, lookup_id)
    found = call(house, "owner", "GET", f"/customers/{asked.json['code']}").json
    assert found["state"] == "found"
    assert "A-1" not in str(found)
    assert call(house, "stranger", "GET", f"/customers/{asked.json['code']}").status_code == 404
