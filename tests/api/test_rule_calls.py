"""Rules and the life of segments by the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.front_house import House
from tests.web.segment_house import SegmentHouse, furnish


@pytest.fixture(scope="module")
def segments(house: House, worker_engine: Engine, scratch: Path) -> SegmentHouse:
    return furnish(house, worker_engine, scratch, "rule-calls", 300)


def test_a_rule_is_explained_both_ways_with_its_faults(segments: SegmentHouse) -> None:
    client, headers = segments.house.api.test_client(), segments.house.program("owner")
    address = f"/bases/{segments.base_code}/rules/explain"
    told = client.post(address, json={"rule": "gender = F and incme > 3"}, headers=headers).get_json()
    assert told["tree"]["op"] == "and"
    assert [(fault["term"], fault["position"], fault["nearest"][0]) for fault in told["faults"]] == [(1, 16, "income")]
    tree = {"op": "not", "rule": {"op": "missing", "field": "income"}}
    assert client.post(address, json={"tree": tree}, headers=headers).get_json()["text"] == "income is not missing"
    assert client.post(address, json={}, headers=headers).status_code == 422
    assert client.post(address, json={"rule": "all"}, headers=segments.house.program("stranger")).status_code == 404


def test_a_segment_lives_by_the_api(segments: SegmentHouse) -> None:
    client, headers = segments.house.api.test_client(), segments.house.program("owner")
    new = {"name": "First", "rule": "gender = F"}
    code = client.post(f"/bases/{segments.base_code}/segments", json=new, headers=headers).get_json()["code"]
    changed = client.patch(f"/segments/{code}", json={"rule": "gender = M"}, headers=headers)
    assert (changed.status_code, changed.get_json()["rule_text"]) == (200, "gender = M")
    copy = client.post(f"/segments/{code}/duplicate", json={"name": "Second"}, headers=headers)
    assert copy.status_code == 201
    naming = {"name": "Naming", "rule": f"segment {code}"}
    assert client.post(f"/bases/{segments.base_code}/segments", json=naming, headers=headers).status_code == 201
    uses = client.get(f"/segments/{code}/uses", headers=headers).get_json()["items"]
    assert [(use["kind"], use["name"]) for use in uses] == [("segment", "Naming")]
    refused = client.post(f"/segments/{code}/archive", headers=headers)
    assert (refused.status_code, refused.get_json()["code"]) == (409, "segment_in_use")
    assert client.post(f"/segments/{copy.get_json()['code']}/archive", headers=headers).status_code == 200
    kinds = [entry["kind"] for entry in client.get(f"/segments/{code}/history", headers=headers).get_json()["items"]]
    assert kinds == ["rule", "created"]
