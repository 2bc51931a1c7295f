"""The API's door: keys, shapes, refusals, the description."""

from __future__ import annotations

import re

import pytest

from api.access import OPEN
from api.description import openapi
from tests.front_house import House


def test_every_call_needs_a_key(house: House) -> None:
    client, checked = house.api.test_client(), 0
    for rule in house.api.url_map.iter_rules():
        if rule.endpoint in OPEN:
            continue
        path = re.sub(r"<[^>]+>", "nothing", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for headers in (
                {},
                {"Authorization": "Bearer ck_0000000000_wrong"},
                {"Authorization": "Basic Zm9vOmJhcg=="},
            ):
                reply = client.open(path, method=method, headers=headers)
                assert reply.status_code == 401, (method, path)
                assert reply.mimetype == "application/problem+json"
                checked += 1
    assert checked > 100


def test_a_stranger_gets_404_and_not_403(house: House) -> None:
    client = house.api.test_client()
    new = {"code": "api-alone", "name": "Alone", "sector": "food", "contact_kind": "b2c"}
    assert client.post("/bases", json=new, headers=house.program("owner")).status_code == 201
    assert client.get("/bases/api-alone", headers=house.program("owner")).status_code == 200
    for path in ("/bases/api-alone", "/bases/api-alone/segments"):
        reply = client.get(path, headers=house.program("stranger"))
        assert reply.status_code == 404
    reply = client.post("/bases/api-alone/count", json={"rule": "all"}, headers=house.program("stranger"))
    assert reply.status_code == 404


def test_the_same_code_twice_is_a_conflict_with_a_sentence(house: House) -> None:
    client, new = house.api.test_client(), {"code": "api-twice", "name": "Twice"}
    assert client.post("/bases", json=new, headers=house.program("owner")).status_code == 201
    reply = client.post("/bases", json=new, headers=house.program("owner"))
    assert reply.status_code == 409
    body = reply.get_json()
    assert body["status"] == 409
    assert body["code"]
    assert body["detail"].endswith(".")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "No code"}, "code"),
        ({"code": "ok", "name": "x", "colour": "red"}, "colour"),
        ({"code": "ok", "name": "x", "contact_kind": "everybody"}, "contact_kind"),
        ({"code": "ok", "name": "null \x00 here"}, "name"),
        ({"code": 12, "name": "x"}, "code"),
    ],
)
def test_a_wrong_shape_names_the_field(house: House, body: dict[str, object], field: str) -> None:
    reply = house.api.test_client().post("/bases", json=body, headers=house.program("owner"))
    assert reply.status_code == 422
    assert reply.get_json()["field"] == field


def test_a_body_that_is_no_json_is_a_problem(house: House) -> None:
    client = house.api.test_client()
    headers = {**house.program("owner"), "Content-Type": "application/json"}
    reply = client.post("/bases", data="{", headers=headers)
    assert reply.status_code == 400
    assert reply.mimetype == "application/problem+json"


def test_a_role_that_may_not_is_refused(house: House) -> None:
    client = house.api.test_client()
    new = {"code": "not-mine", "name": "No"}
    assert client.post("/bases", json=new, headers=house.program("advertiser")).status_code == 403
    assert client.get("/ledger/entries", headers=house.program("owner")).status_code == 403
    assert client.get("/ledger/entries", headers=house.program("accountant")).status_code == 200


def test_an_upload_is_sealed_as_it_comes(house: House) -> None:
    client, headers = house.api.test_client(), house.program("owner")
    client.post("/bases", json={"code": "api-uploads", "name": "Up"}, headers=headers)
    secret = b"email\nnobody.knows@canary.test\n"
    reply = client.post("/bases/api-uploads/uploads?kind=contacts&file_name=p.csv", data=secret, headers=headers)
    assert reply.status_code == 201
    sealed = next((house.front.settings.state_dir / "uploads").glob(f"{reply.get_json()['code']}*")).read_bytes()
    assert b"canary" not in sealed
    upload = {"upload": reply.get_json()["code"]}
    early = client.post("/bases/api-uploads/imports", json=upload, headers=headers)
    assert (early.status_code, early.get_json()["code"]) == (409, "contract_missing")
    signed = {"reference": "DPA", "signatory": "Anna", "signed_on": "2026-01-01"}
    assert client.post("/bases/api-uploads/contracts", json=signed, headers=headers).status_code == 201
    run = client.post("/bases/api-uploads/imports", json=upload, headers=headers)
    assert run.status_code == 201
    assert run.get_json()["state"] == "waiting"


def test_the_catalogue_is_searched_while_the_audience_process_is_away(house: House) -> None:
    client, headers = house.api.test_client(), house.program("advertiser")
    reply = client.get("/cards", headers=headers)
    assert reply.status_code == 200


def test_the_description_needs_no_server_and_is_the_one_served(house: House) -> None:
    document = openapi()
    assert document["openapi"].startswith("3.1")
    assert house.api.test_client().get("/openapi.json").get_json() == document
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            if verb in ("get", "post"):
                assert {"401", "403", "404", "422", "503"} <= operation["responses"].keys(), (verb, path)
                assert operation.get("summary"), (verb, path)
