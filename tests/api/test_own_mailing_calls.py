"""Calls about own mailings, pressure, control addresses and leaks: shapes, refusals, and whose they are."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.front_house import House

NEW = {"base": "api-own", "name": "Letter", "goal": "prospecting"}


class Caller:
    def __init__(self, house: House, who: str = "owner") -> None:
        self.client: FlaskClient = house.api.test_client()
        self.headers = house.program(who)

    def call(self, method: str, path: str, status: int, **body: Any) -> Any:
        reply = self.client.open(path, method=method, headers=self.headers, **({"json": body} if body else {}))
        assert reply.status_code == status, reply.text
        return reply.get_json(silent=True)


@pytest.fixture(scope="module")
def owner(house: House) -> Caller:
    caller = Caller(house)
    caller.call("POST", "/bases", 201, code="api-own", name="Own")
    return caller


def test_a_draft_is_made_changed_and_says_what_it_lacks(owner: Caller) -> None:
    made = owner.call("POST", "/own-mailings", 201, **NEW, held_out_bp=1_000)
    assert (made["state"], made["legal_basis"], made["lacking"]) == ("draft", "consent", ["segments"])
    place = f"/own-mailings/{made['code']}"
    assert owner.call("PATCH", place, 200, window_days=14, cost_cents=500)["window_days"] == 14
    kept = owner.call("PUT", f"{place}/variants", 200, variants=[{"segment": ""}])
    assert kept["lacking"] == ["messages"]
    refused = owner.call("POST", f"{place}/plan", 409, keep_the_day=False)
    assert refused["code"] == "own_lacks_messages"
    assert owner.call("GET", f"{place}/effect", 200)["reason"] == "not_sent"
    assert owner.call("POST", f"{place}/cancel", 200)["state"] == "cancelled"
    assert owner.call("POST", f"{place}/resume", 409)["code"] == "own_state"
    assert made["code"] in [one["code"] for one in owner.call("GET", "/own-mailings", 200)["items"]]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**NEW, "goal": "profit"}, 422, None),
        ({**NEW, "name": " "}, 422, "bad_text"),
        ({**NEW, "base": "nobody-s"}, 404, None),
        ({**NEW, "held_out_bp": 6_000}, 422, None),
        ({**NEW, "starts_at": "2001-01-01T00:00:00Z"}, 422, "send_date_passed"),
        ({**NEW, "starts_at": "2099-01-01T00:00:00Z"}, 422, "send_date_far"),
        ({**NEW, "starts_at": "2027-01-01T00:00:00"}, 422, None),  # of which zone?
        ({**NEW, "event_kind": "birthday"}, 409, "no_snapshot"),
    ],
)
def test_what_makes_no_sense_is_refused(owner: Caller, body: dict[str, Any], status: int, code: str | None) -> None:
    refused = owner.call("POST", "/own-mailings", status, **body)
    assert code is None or refused["code"] == code


def test_a_stranger_and_other_roles_have_none_of_it(house: House, owner: Caller) -> None:
    code = owner.call("POST", "/own-mailings", 201, **NEW)["code"]
    stranger = Caller(house, "stranger")
    for method, path in (("GET", ""), ("GET", "/effect"), ("POST", "/cancel")):
        stranger.call(method, f"/own-mailings/{code}{path}", 404)
    stranger.call("GET", "/bases/api-own/pressure", 404)
    for who in ("advertiser", "broker", "accountant"):
        Caller(house, who).call("GET", "/own-mailings", 403)
        Caller(house, who).call("GET", f"/own-mailings/{code}/effect", 403)
    Caller(house, "broker").call("GET", "/leaks", 200)
    Caller(house, "advertiser").call("GET", "/leaks", 403)


def test_caps_proposals_and_events_of_an_empty_base(owner: Caller) -> None:
    assert owner.call("GET", "/bases/api-own/pressure", 200)["own_counts"] is True
    owner.call("PUT", "/bases/api-own/pressure", 200, per_week=2, caps_own=True)
    assert owner.call("GET", "/bases/api-own/pressure", 200)["per_week"] == 2
    assert owner.call("PUT", "/bases/api-own/pressure", 422, per_week=90)["code"] == "looser_cap"
    assert owner.call("GET", "/bases/api-own/own-proposals?goal=loyalty", 200) == {"items": []}
    assert owner.call("GET", "/bases/api-own/own-events", 200) == {"items": []}
    owner.call("GET", "/bases/api-own/own-proposals", 422)
    owner.call("GET", "/bases/api-own/free-days?segment=seg_none", 404)


def test_control_addresses_have_a_kind_and_an_end(owner: Caller) -> None:
    owner.call("POST", "/seeds", 201, style="house")
    owner.call("POST", "/seeds", 422, style="plus")
    items = owner.call("POST", "/seeds", 201, address="control@shop.test")["items"]
    assert {one["style"] for one in items} == {"house", "plus"}
    for one in items:
        owner.call("DELETE", f"/seeds/{one['code']}", 204)
        owner.call("DELETE", f"/seeds/{one['code']}", 404)
