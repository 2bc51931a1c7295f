"""Calls about mailings: waves, going on with and without a reason, the report, variants and proofs of creatives."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from broker.kernel.database import Database
from tests.front_house import House
from tests.mail_house import HTML, frozen_mailing


@pytest.fixture
def mailing(house: House, worker_engine: Engine) -> tuple[int, str]:
    """(id, code) of a frozen mailing of the house's owner for its advertiser, to nobody."""
    owner, advertiser = (house.people[who].actor.org for who in ("owner", "advertiser"))
    found = frozen_mailing(Database(worker_engine), owner, advertiser)
    return found.id, found.code


def test_waves_are_set_before_the_start_by_the_owner(house: House, mailing: tuple[int, str]) -> None:
    client, address = house.api.test_client(), f"/mailings/{mailing[1]}/waves"
    owner, advertiser = house.program("owner"), house.program("advertiser")
    body = {"shares": [10, 90], "gap_minutes": 120, "start_by": None}
    assert client.put(address, json=body | {"shares": [10, 10]}, headers=owner).json["code"] == "bad_waves"
    assert client.put(address, json=body, headers=advertiser).status_code == 403
    assert client.put(address, json=body, headers=owner).json["flow"]["shares"] == [10, 90]
    assert client.get(address, headers=advertiser).json["flow"]["gap_minutes"] == 120
    assert not {"mailing_id", "set_by"} & set(client.get(address, headers=owner).json["flow"])  # codes, never numbers


def test_going_on_needs_a_reason_where_the_watch_stopped(
    house: House, mailing: tuple[int, str], worker_engine: Engine
) -> None:
    client, owner, address = house.api.test_client(), house.program("owner"), f"/mailings/{mailing[1]}"
    assert client.post(f"{address}/pause", headers=owner).status_code == 200
    assert client.post(f"{address}/resume", headers=owner).status_code == 200  # without a body
    assert "not paused" in client.post(f"{address}/resume", headers=owner).json["detail"]
    assert client.post(f"{address}/pause", headers=owner).status_code == 200
    with Database(worker_engine).begin() as unit:
        unit.run(
            "INSERT INTO mailing_alarm (mailing_id, kind, reason, sentence, sent, bounces, complaints)"
            " VALUES (:id, 'stop', 'bounces', 's', 2000, 200, 0)",
            id=mailing[0],
        )
    assert client.post(f"{address}/resume", headers=owner).json["code"] == "mailing_held"
    assert client.post(f"{address}/resume", json={"reason": "no"}, headers=owner).json["code"] == "bad_reason"
    said = client.post(f"{address}/resume", json={"reason": "The provider was down; it answers."}, headers=owner)
    assert said.json["state"] == "frozen"
    (alarm,) = client.get(f"{address}/waves", headers=owner).json["alarms"]
    assert alarm["release_reason"].startswith("The provider")
    report = client.get(f"{address}/report?language=fr", headers=owner).json
    assert (report["frozen"], report["money"]["owner_cents"]) == (0, 0)
    assert client.get(f"{address}/report", headers=house.program("advertiser")).json["money"]["owner_cents"] is None


def test_a_winner_is_chosen_only_where_a_test_runs(house: House, mailing: tuple[int, str]) -> None:
    client, address = house.api.test_client(), f"/mailings/{mailing[1]}/variant"
    owner = house.program("owner")
    assert client.post(address, json={"variant": "B"}, headers=owner).json["code"] == "no_open_test"
    assert client.post(address, json={"variant": "E"}, headers=owner).status_code == 422
    assert client.post(address, json={"variant": "A"}, headers=house.program("accountant")).status_code in (403, 404)


def test_variants_of_a_creative_are_signed_together(house: House) -> None:
    client, advertiser = house.api.test_client(), house.program("advertiser")
    body = {
        "name": "n", "subject": "Soldes", "from_name": "Boutique", "html": HTML,
        "variants": [{"subject": "Dernier jour"}], "test": {"share_percent": 30, "wait_minutes": 60},
    }  # fmt: skip
    made = client.post("/creatives", json=body, headers=advertiser).json
    alone = client.post("/creatives", json=body | {"variants": []}, headers=advertiser).json
    assert [one["subject"] for one in made["variants"]] == ["Dernier jour"]
    assert made["test"] == {"share_percent": 30, "wait_minutes": 60}
    assert alone["test"] is None
    assert made["content_hash"] != alone["content_hash"]
    proof = client.post(f"/creatives/{made['code']}/proofs", headers=advertiser)
    assert proof.json["code"] == "no_seed_address"
