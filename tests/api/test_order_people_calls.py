"""Calls around an order, by programs: an agency for its client; rules, threads, papers and signatures."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.accounts.api_keys import create_api_key
from broker.rentals.place import place_order
from tests.front_house import House
from tests.store.order_people_scene import PASSWORD, PeopleScene, build_people


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine, tmp_path: Path) -> PeopleScene:
    return build_people(admin_engine, worker_engine, web_engine, tmp_path)


class Program:
    """A key of somebody of the scene."""

    def __init__(self, house: House, scene: PeopleScene, who: str, client: str = "") -> None:
        with house.front.database.begin(getattr(scene, who)) as unit:
            secret = create_api_key(unit, "tests")[1]
        self.client = house.api.test_client()
        self.headers = {"Authorization": f"Bearer {secret}"} | ({"Courtier-For": client} if client else {})

    def call(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        reply = self.client.open(path, method=method, json=body or None, headers=self.headers)
        assert reply.status_code == status, reply.text
        return reply.get_json() if reply.is_json or "problem" in reply.mimetype else reply.data


def test_parties_talk_change_sign_and_take_papers(house: House, scene: PeopleScene) -> None:
    order = scene.money.quoted()
    with scene.money.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative())
    owner, advertiser = Program(house, scene, "owner"), Program(house, scene, "advertiser")
    path = f"/orders/{order.code}"
    owner.call("POST", f"{path}/messages", 201, text="Which offer?")
    assert [one["writer"] for one in advertiser.call("GET", f"{path}/messages")["items"]] == [""]
    problem = advertiser.call("POST", f"{path}/messages", 422, text="Write to anna@shop.test")
    assert problem["code"] == "person_in_message"
    owner.call("POST", f"{path}/change", text="Less red")
    assert advertiser.call("GET", f"{path}/answer")["review"]["change_text"] == "Less red"
    better = scene.creative("better")
    assert advertiser.call("POST", f"{path}/changed", creative=better)["creative"] == better
    advertiser.call("PUT", f"{path}/purchase-order", purchase_order="PO-9")
    read = advertiser.call("GET", f"{path}/paper")
    assert (read["purchase_order"], read["signatures"]) == ("PO-9", [])
    advertiser.call("POST", f"{path}/sign", 422, password="no")
    signed = advertiser.call("POST", f"{path}/sign", 201, password=PASSWORD, read_hash=read["content_hash"])
    assert signed["content_hash"] == read["content_hash"]
    raw = advertiser.call("GET", f"{path}/paper.pdf")
    assert hashlib.sha256(raw).hexdigest() == signed["pdf_hash"]
    theirs = owner.call("GET", f"{path}/paper")
    assert (theirs["purchase_order"], theirs["payer"]) == ("", "")
    assert owner.call("GET", f"{path}/paper.pdf") != raw
    assert owner.call("POST", f"{path}/approve?creative={better}")["state"] == "approved"


def test_an_owner_writes_rules_by_program(house: House, scene: PeopleScene) -> None:
    owner = Program(house, scene, "owner")
    rule = owner.call("POST", "/approval-rules", 201, effect="approve", title="Dear", least_cpm_cents=5_000)
    assert (rule["least_cpm_cents"], rule["active"]) == (5_000, True)
    assert owner.call("POST", f"/approval-rules/{rule['code']}/stop")["active"] is False
    assert [one["code"] for one in owner.call("GET", "/approval-rules")["items"]] == [rule["code"]]
    assert owner.call("PUT", "/approval-policy", signed_orders=True, grace_days=0)["grace_days"] == 0
    Program(house, scene, "advertiser").call("GET", "/approval-rules", 403)


def test_an_agencys_program_acts_for_the_client_that_it_names(house: House, scene: PeopleScene) -> None:
    order, client = scene.money.quoted(), scene.code_of(scene.advertiser)
    alone = Program(house, scene, "agency")
    alone.call("GET", f"/orders/{order.code}", 404)
    problem = alone.call("POST", "/quotes", 403, card=scene.money.card_code, volume=30_000)
    assert problem["code"] == "client_needed"
    acting = Program(house, scene, "agency", client)
    assert acting.call("GET", f"/orders/{order.code}", 403)["code"] == "no_mandate"
    advertiser = Program(house, scene, "advertiser")
    mandate = advertiser.call("POST", "/mandates", 201, agency=scene.code_of(scene.agency), bill_to="agency")
    assert acting.call("GET", f"/orders/{order.code}")["code"] == order.code
    quoted = acting.call("POST", "/quotes", 201, card=scene.money.card_code, volume=30_000)
    paper = acting.call("GET", f"/orders/{quoted['code']}/paper")
    assert (paper["agency"], paper["payer"]) == ("Agence Lune", "Agence Lune")
    assert acting.call("POST", "/mandates", 403, agency=scene.code_of(scene.agency), bill_to="agency")["code"] == (
        "own_mandate"
    )
    advertiser.call("POST", f"/mandates/{mandate['code']}/end")
    assert acting.call("GET", f"/orders/{order.code}", 403)["code"] == "no_mandate"
    assert len(alone.call("GET", "/sectors")["items"]) > 5


def test_subscriptions_by_program(house: House, scene: PeopleScene) -> None:
    broker, advertiser = Program(house, scene, "broker"), Program(house, scene, "advertiser")
    code = scene.code_of(scene.advertiser)
    url = "https://files.shop.test/a"
    assert advertiser.call("POST", "/suppression-feeds", 422, name="Ours", url=url)["code"] == "host_not_allowed"
    assert broker.call("POST", f"/organisations/{code}/suppression-hosts", host="files.shop.test")["hosts"]
    feed = advertiser.call("POST", "/suppression-feeds", 201, name="Ours", url=url)
    assert (feed["state"], feed["host"]) == ("new", "files.shop.test")
    advertiser.call("POST", f"/suppression-feeds/{feed['code']}/read", 202)
    advertiser.call("POST", f"/suppression-feeds/{feed['code']}/end")
    assert advertiser.call("GET", "/suppression-feeds")["items"] == []
    assert advertiser.call("GET", "/suppression-hosts")["hosts"] == ["files.shop.test"]
    assert broker.call("POST", f"/organisations/{code}/suppression-hosts/forbid", host="files.shop.test")["hosts"] == []


def test_the_broker_says_which_merge_tags_an_organisation_may_use(house: House, scene: PeopleScene) -> None:
    broker, advertiser = Program(house, scene, "broker"), Program(house, scene, "advertiser")
    address = f"/organisations/{scene.code_of(scene.advertiser)}/merge-tags"
    assert broker.call("GET", address)["tags"] == ["first_name", "last_name", "city"]
    assert broker.call("PUT", address, tags=["city"])["tags"] == ["city"]
    assert broker.call("PUT", address, 422, tags=["email"])["code"] == "unknown_tag"
    advertiser.call("PUT", address, 403, tags=["first_name"])
    assert broker.call("PUT", address, tags=[])["tags"] == []
