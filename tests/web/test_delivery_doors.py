"""How mail leaves, by page and API: relays, limits, plans."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import Engine

from broker.delivery.pace_store import note_relay
from broker.kernel.database import Database
from tests.front_house import House
from web.http import form_token


@pytest.fixture
def domain() -> str:
    return f"d{secrets.token_hex(5)}.fr"


def test_the_broker_limits_a_domain_by_page_and_forgets_it_by_api(house: House, domain: str) -> None:
    browser, token = house.browser("broker")
    form = {form_token.FIELD: token, "scope": "domain", "name": domain, "per_minute": "1 200", "at_once": ""}
    refused = browser.post("/delivery/pace", data=form | {"name": "no domain"})
    assert (refused.status_code, "data-refusal" in refused.text) == (422, True)
    assert browser.post("/delivery/pace", data=form | {"per_minute": "fast"}).status_code == 422
    assert browser.post("/delivery/pace", data=form).status_code == 303
    page = browser.get("/delivery").text
    assert domain in page
    assert "1,200" in page
    api, broker = house.api.test_client(), house.program("broker")
    listed = api.get("/delivery/paces", headers=broker).json["items"]
    assert {"scope": "domain", "name": domain, "per_minute": 1200, "at_once": None, "shipped": False} in listed
    asked = {"scope": "domain", "name": domain}
    assert api.post("/delivery/paces/reset", json=asked, headers=broker).status_code == 204
    assert api.post("/delivery/paces/reset", json=asked, headers=broker).json["code"] == "pace_not_found"
    wrong = api.put("/delivery/paces", json={"scope": "provider", "name": "orang"}, headers=broker).json
    assert (wrong["code"], "Did you mean orange?" in wrong["detail"]) == ("unknown_provider", True)


def test_a_warm_up_is_begun_and_ended_by_the_broker_alone(house: House, domain: str) -> None:
    browser, token = house.browser("broker")
    form = {form_token.FIELD: token, "domain": domain, "caps": "50, 100,400"}
    assert browser.post("/delivery/warm-up", data=form | {"caps": "", "first": "10"}).status_code == 422
    assert browser.post("/delivery/warm-up", data=form).status_code == 303
    api, broker = house.api.test_client(), house.program("broker")

    def plan() -> list[tuple[list[int], int]]:
        found = api.get("/delivery/warm-ups", headers=broker).json["items"]
        return [(one["caps"], one["today"]) for one in found if one["domain"] == domain]

    assert plan() == [([50, 100, 400], 50)]
    body = {"domain": domain, "first": 100, "growth_percent": 100, "until": 500}
    assert api.put("/delivery/warm-ups", json=body, headers=broker).json["caps"] == [100, 200, 400]
    assert api.put("/delivery/warm-ups", json={"domain": domain}, headers=broker).json["code"] == "bad_warm_up"
    assert browser.post("/delivery/warm-up", data=form | {"wanted": "end"}).status_code == 303
    assert plan() == []
    for who in ("owner", "advertiser", "accountant"):
        assert api.put("/delivery/warm-ups", json=body, headers=house.program(who)).status_code == 403
        assert api.get("/delivery/relays", headers=house.program(who)).status_code == 403
        assert house.browser(who)[0].get("/delivery").status_code == 403


def test_a_relay_that_fails_is_shown_resting_then_probing(house: House, worker_engine: Engine) -> None:
    data, (relay,) = Database(worker_engine), house.front.settings.mail.relays
    name = f"{relay.host}:{relay.port}"
    api, broker = house.api.test_client(), house.program("broker")

    def state() -> tuple[str, str | None]:
        (one,) = api.get("/delivery/relays", headers=broker).json["items"]
        return one["state"], one["reason"]

    for rest, failures, reason, shown in ((1e9, 4, "421 busy", "resting"), (0.0, 4, "421 busy", "probing")):
        with data.begin() as unit:
            note_relay(unit, name, rest, failures, reason)
        assert state() == (shown, reason)
        assert "421 busy" in house.browser("broker")[0].get("/delivery").text
    with data.begin() as unit:
        note_relay(unit, name, 0, 0, None)
    assert state() == ("well", None)
