"""Bank and payouts over the API: who may call, refusals with their codes, a whole round of a bank account."""

from __future__ import annotations

import base64

import pytest

from tests.front_house import House

READ = ("/bank/statements", "/bank/suspense", "/bank/reconciliation?from=2026-01-01&to=2026-12-31", "/payouts")


@pytest.mark.parametrize("path", READ)
def test_the_accountant_reads_and_others_do_not_read_the_bank(house: House, path: str) -> None:
    client = house.api.test_client()
    assert client.get(path, headers=house.program("accountant")).status_code == 200
    if not path.startswith("/payouts"):
        assert client.get(path, headers=house.program("owner")).status_code == 403


def test_an_account_is_proposed_by_the_owner_and_approved_by_staff(house: House) -> None:
    client = house.api.test_client()
    body = {"holder": "Maison", "iban": "FR14 2004 1010 0505 0001 3M02 606"}
    wrong = client.post("/bank-accounts", json={**body, "iban": "FR1420041010050500013M02607"},
                        headers=house.program("owner"))  # fmt: skip
    assert (wrong.status_code, wrong.get_json()["code"]) == (422, "bad_iban")
    made = client.post("/bank-accounts", json=body, headers=house.program("owner"))
    assert made.status_code == 201
    assert made.get_json()["iban"] == "FR14 … 2606"
    address = f"/bank-accounts/{made.get_json()['code']}/approve"
    assert client.post(address, headers=house.program("owner")).status_code == 403
    assert client.post(address, headers=house.program("accountant")).get_json()["state"] == "approved"


def test_a_file_that_is_none_is_refused(house: House) -> None:
    client, staff = house.api.test_client(), house.program("accountant")
    for file in ("%%%", base64.b64encode(b"x").decode()):
        reply = client.post("/bank/statements", json={"file": file}, headers=staff)
        assert reply.status_code == 422
    assert client.post("/payouts/pout_none/approve", headers=staff).status_code == 404
    explained = client.post("/bank/lines/line_none/explain", json={"account": "627"}, headers=staff)
    assert explained.status_code == 404
