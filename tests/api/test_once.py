"""A call repeated under its Idempotency-Key is carried out once; what did not change is not sent again."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

import api.once
from broker.kernel.errors import Unavailable
from tests.front_house import House


def fresh(prefix: str) -> str:
    return f"{prefix}-{uuid4().hex[:10]}"


def post(house: House, key: str, body: dict[str, Any], who: str = "owner") -> Any:
    headers = {**house.program(who), "Idempotency-Key": key}
    return house.api.test_client().post("/bases", json=body, headers=headers)


def test_the_second_call_is_answered_like_the_first_and_does_nothing(house: House) -> None:
    key, body = fresh("key"), {"code": fresh("once"), "name": "Once"}
    first, second = post(house, key, body), post(house, key, body)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.get_json() == second.get_json()
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"


def test_a_key_stands_for_one_call(house: House) -> None:
    key = fresh("key")
    post(house, key, {"code": fresh("once"), "name": "Once"})
    reply = post(house, key, {"code": fresh("other"), "name": "Other"})
    assert (reply.status_code, reply.get_json()["code"]) == (422, "idempotency_key_reused")


def test_a_refused_call_gives_its_key_back(house: House) -> None:
    key, code = fresh("key"), fresh("once")
    assert post(house, key, {"code": "NOT A CODE", "name": "x"}).status_code == 422
    assert post(house, key, {"code": code, "name": "Now right"}).status_code == 201


def test_two_organisations_may_use_the_same_key(house: House) -> None:
    key = fresh("key")
    assert post(house, key, {"code": fresh("once"), "name": "Once"}).status_code == 201
    reply = post(house, key, {"code": fresh("once"), "name": "Once"}, "stranger")
    assert reply.status_code == 201


def test_a_reply_that_was_lost_does_not_repeat_the_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: object) -> None:
        raise Unavailable("gone")

    key, body = fresh("key"), {"code": fresh("once"), "name": "Once"}
    with monkeypatch.context() as broken:
        broken.setattr(api.once, "end_once", lost)
        assert post(house, key, body).status_code == 201
    reply = post(house, key, body)
    assert (reply.status_code, reply.get_json()["code"]) == (409, "reply_not_kept")


def test_a_call_under_way_is_not_made_beside_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    key, body = fresh("key"), {"code": fresh("once"), "name": "Once"}
    with monkeypatch.context() as broken:  # its process dies before it does anything
        broken.setattr(api.once, "end_once", lambda *_: None)
        assert post(house, key, {**body, "contact_kind": "nothing"}).status_code == 422
    reply = post(house, key, {**body, "contact_kind": "nothing"})
    assert (reply.status_code, reply.get_json()["code"]) == (409, "call_in_progress")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_an_odd_key_is_refused(house: House, key: str) -> None:
    reply = post(house, key, {"code": fresh("once"), "name": "Once"})
    assert (reply.status_code, reply.get_json()["code"]) == (422, "bad_idempotency_key")


def test_a_secret_is_shown_once_and_kept_nowhere(house: House) -> None:
    headers = {**house.program("owner"), "Idempotency-Key": fresh("key")}
    client, body = house.api.test_client(), {"url": "https://example.com/hook", "label": "CRM"}
    first = client.post("/webhooks", json=body, headers=headers)
    assert first.get_json()["secret"].startswith("whsec_")
    assert client.post("/webhooks", json=body, headers=headers).get_json()["code"] == "reply_not_kept"


def test_what_did_not_change_is_not_sent_again(house: House) -> None:
    client, headers = house.api.test_client(), house.program("owner")
    reply = client.get("/webhooks", headers=headers)
    again = client.get("/webhooks", headers={**headers, "If-None-Match": reply.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    post(house, fresh("key"), {"code": fresh("once"), "name": "Once"})
    assert client.get("/webhooks", headers=headers).headers["ETag"] == reply.headers["ETag"]
