"""Pages around an order: answer, change, signature, paper, thread; rules, agencies, sectors, subscriptions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.accounts.log_in import log_in
from broker.kernel.actor import PUBLIC
from broker.rentals.place import place_order
from tests.front_house import House
from tests.store.order_people_scene import PASSWORD, PeopleScene, build_people
from web.http.session import COOKIE


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine, tmp_path: Path) -> PeopleScene:
    return build_people(admin_engine, worker_engine, web_engine, tmp_path)


class Browser:
    """Somebody of the scene at the pages."""

    def __init__(self, house: House, scene: PeopleScene, who: str) -> None:
        actor = getattr(scene, who)
        with scene.money.worker.begin() as unit:
            mail = unit.scalar("SELECT email FROM app_user WHERE id = :id", id=actor.user_id)
            unit.run("UPDATE app_user SET language = 'en' WHERE id = :id", id=actor.user_id)
        with house.front.database.begin(PUBLIC) as unit:
            entered = log_in(unit, mail, PASSWORD)
        self.client = house.pages.test_client()
        self.client.set_cookie(COOKIE, entered.token)
        self.token = entered.csrf

    def get(self, path: str, status: int = 200) -> str:
        reply = self.client.get(path)
        assert reply.status_code == status, reply.text[-1500:]
        return reply.text

    def post(self, path: str, status: int = 303, **form: object) -> str:
        reply = self.client.post(path, data={"csrf_token": self.token, **form})
        assert reply.status_code == status, reply.text[-1500:]
        return reply.text


def test_an_order_is_changed_signed_numbered_and_talked_about(house: House, scene: PeopleScene) -> None:
    order = scene.money.quoted()
    owner, advertiser = Browser(house, scene, "owner"), Browser(house, scene, "advertiser")
    path = f"/orders/{order.code}"
    advertiser.post(f"{path}/messages", text="May we have tomorrow?")
    with scene.money.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative())
    assert "May we have tomorrow?" not in owner.get(path)
    owner.post(f"{path}/messages", text="Which offer is it?")
    shown = advertiser.get(path)
    assert "Which offer is it?" in shown
    assert "Owner Person" not in shown  # not before the approval
    assert "1 new" in shown
    assert "1 new" in advertiser.get(path)  # to look changes nothing
    advertiser.post(f"{path}/messages/read")
    assert "1 new" not in advertiser.get(path)
    assert "a telephone number" in advertiser.post(f"{path}/messages", status=422, text="Call 01 42 68 53 00")

    owner.post(f"{path}/change", text="Less red")
    better = scene.creative("better")
    assert "Less red" in advertiser.get(path)
    advertiser.post(f"{path}/changed", creative=better)

    advertiser.post(f"{path}/purchase-order", purchase_order="PO-77")
    page = advertiser.get(path)
    read = re.search(r'name="read_hash" value="([0-9a-f]{64})"', page)
    assert read is not None
    advertiser.post(f"{path}/sign", status=422, password="wrong", read_hash=read[1])
    advertiser.post(f"{path}/sign", status=409, password=PASSWORD, read_hash="0" * 64)
    advertiser.post(f"{path}/sign", password=PASSWORD, read_hash=read[1])
    advertiser.post(f"{path}/sign", status=409, password=PASSWORD, read_hash=read[1])
    advertiser.post(f"{path}/purchase-order", status=409, purchase_order="PO-78")
    for who in (advertiser, owner):
        reply = who.client.get(f"{path}/order.pdf")
        assert reply.data.startswith(b"%PDF")
        assert "Advertiser Person" in who.get(path)
    owner.post(f"{path}/approve", status=409, creative=order.creative_code or "crea_old")
    owner.post(f"{path}/approve", creative=better)
    assert "Owner Person" in advertiser.get(path)


def test_an_owner_writes_and_stops_rules(house: House, scene: PeopleScene) -> None:
    owner = Browser(house, scene, "owner")
    assert "No rule yet" in owner.get("/approval-rules")
    owner.post("/approval-rules", effect="refuse", title="No bets", sectors=["gambling"], reason="Not with us.")
    listed = owner.get("/approval-rules")
    code = re.search(r"/approval-rules/(rule_\w+)/stop", listed)
    assert code is not None
    owner.post(f"/approval-rules/{code[1]}/stop")
    owner.post("/approval-rules", status=422, effect="approve", title="All")
    owner.post("/approval-policy", signed_orders="yes", grace_days="1")
    assert "checked" in owner.get("/approval-rules")
    Browser(house, scene, "advertiser").get("/approval-rules", status=403)


def test_a_member_of_an_agency_acts_for_one_client_at_a_time(house: House, scene: PeopleScene) -> None:
    order = scene.money.quoted()
    agency, advertiser = Browser(house, scene, "agency"), Browser(house, scene, "advertiser")
    code = scene.code_of(scene.agency)
    assert code in agency.get("/agencies")
    agency.get("/orders", status=200)
    agency.get(f"/orders/{order.code}", status=404)
    agency.post("/clients/act", status=403, client=scene.code_of(scene.advertiser))
    advertiser.post("/agencies", agency=code, bill_to="agency")
    assert "Agence Lune" in advertiser.get("/agencies")
    agency.post("/clients/act", client=scene.code_of(scene.advertiser))
    assert "Stop acting for this client" in agency.get("/")
    agency.get(f"/orders/{order.code}")
    agency.post("/agencies", status=403, agency=code, bill_to="agency")  # gives itself no mandate
    mandate = re.search(r"/agencies/(man_\w+)/end", advertiser.get("/agencies"))
    assert mandate is not None
    advertiser.post(f"/agencies/{mandate[1]}/end")
    agency.get(f"/orders/{order.code}", status=404)  # at the very next request
    assert "For whom do you act?" in agency.get("/")


def test_sectors_hosts_and_subscriptions(house: House, scene: PeopleScene) -> None:
    broker, advertiser = Browser(house, scene, "broker"), Browser(house, scene, "advertiser")
    assert "Personal training account" in broker.get("/sectors")
    code = scene.code_of(scene.advertiser)
    assert "Ask the broker first" in advertiser.get("/suppression-files")
    advertiser.post("/suppression-files/subscriptions", status=422, name="Ours", url="https://files.shop.test/a")
    broker.post(f"/organisations/{code}/hosts", status=422, host="10.0.0.1")
    broker.post(f"/organisations/{code}/hosts", host="files.shop.test")
    assert "files.shop.test" in broker.get(f"/organisations/{code}/hosts")
    advertiser.post("/suppression-files/subscriptions", name="Ours", url="https://files.shop.test/a?token=hush")
    page = advertiser.get("/suppression-files")
    assert "being read" in page
    assert "hush" not in page
    feed = re.search(r"/subscriptions/(feed_\w+)/end", page)
    assert feed is not None
    advertiser.post(f"/suppression-files/subscriptions/{feed[1]}/read")
    advertiser.post(f"/suppression-files/subscriptions/{feed[1]}/end")
    assert feed[1] not in advertiser.get("/suppression-files")


def test_the_broker_says_which_merge_tags_an_organisation_may_use(house: House, scene: PeopleScene) -> None:
    broker, code = Browser(house, scene, "broker"), scene.code_of(scene.advertiser)
    assert 'name="tag" value="first_name" checked' in broker.get(f"/organisations/{code}/people")
    broker.post(f"/organisations/{code}/merge-tags", tag="city")
    page = broker.get(f"/organisations/{code}/people")
    assert 'name="tag" value="city" checked' in page
    assert 'name="tag" value="first_name" checked' not in page
