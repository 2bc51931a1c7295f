"""The broker lets an organisation in, by page and API."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import Engine
from stdnum.luhn import calc_check_digit

from broker.accounts.legal_facts import checked_legal
from broker.kernel.database import Database
from broker.kernel.errors import InvalidInput
from tests.front_house import House
from web.http import form_token


@pytest.fixture
def siren() -> str:
    digits = f"{secrets.randbelow(10**8):08d}"
    return digits + calc_check_digit(digits)


def test_an_organisation_comes_in_with_its_first_person_invited(
    house: House, worker_engine: Engine, siren: str
) -> None:
    browser, token = house.browser("broker")
    email = f"anna-{siren}@shop.test"
    form = {
        form_token.FIELD: token, "kind": "agency", "name": f"Agence {siren}", "siren": siren, "country": "fr",
        "person": "Anna Roy", "email": email, "language": "fr",
    }  # fmt: skip
    assert browser.get("/organisations/new").status_code == 200
    for wrong in ({"siren": "123456789"}, {"kind": "broker"}, {"country": "XX"}, {"email": "anna"}, {"person": " "}):
        refused = browser.post("/organisations", data=form | wrong)
        assert (refused.status_code, "data-refusal" in refused.text) == (422, True), wrong
    made = browser.post("/organisations", data=form)
    assert made.status_code == 303
    assert email in browser.get(made.location).text
    with Database(worker_engine).begin() as unit:
        letters = unit.scalar(
            "SELECT count(*) FROM account_letter l JOIN app_user u ON u.id = l.user_id WHERE u.email = :email",
            email=email,
        )
    assert letters == 1
    again = house.api.test_client().post(
        "/organisations",
        json={"kind": "agency", "name": "Again", "siren": siren, "person": "B", "email": f"b-{email}"},
        headers=house.program("broker"),
    )
    assert (again.status_code, again.json["code"]) == (409, "siren_taken")


def test_only_the_broker_lets_organisations_in(house: House, siren: str) -> None:
    client = house.api.test_client()
    body = {"kind": "owner", "name": f"Maison {siren}", "siren": siren, "person": "A", "email": f"o-{siren}@shop.test"}
    for who in ("owner", "advertiser", "accountant"):
        assert client.post("/organisations", json=body, headers=house.program(who)).status_code == 403
    made = client.post("/organisations", json=body, headers=house.program("broker"))
    assert (made.status_code, made.json["siren"], made.json["country"]) == (201, siren, "FR")
    listed = client.get("/organisations", headers=house.program("broker")).json["items"]
    assert made.json["code"] in {one["code"] for one in listed}
    assert client.get("/organisations", headers=house.program("owner")).status_code == 403


def test_legal_facts_are_checked_and_written_plainly() -> None:
    plain = {"siren": "732829320", "vat_number": "FR44732829320", "country": "FR"}
    assert checked_legal({"siren": "732 829 320", "vat_number": "fr 44 732829320", "city": " "}) == plain
    assert checked_legal({"country": "us", "vat_number": "12-3456789"})["vat_number"] == "123456789"
    for wrong, field in (
        ({}, "siren"),
        ({"siren": "732829321"}, "siren"),
        ({"siren": "732829320", "vat_number": "FR45732829320"}, "vat_number"),
        ({"siren": "552100554", "vat_number": "FR44732829320"}, "vat_number"),
        ({"country": "BE", "vat_number": "FR44732829320"}, "vat_number"),
        ({"country": "EU"}, "country"),
        ({"siren": "732829320", "postcode": "7500"}, "postcode"),
    ):
        with pytest.raises(InvalidInput) as refusal:
            checked_legal(wrong)
        assert refusal.value.field == field
