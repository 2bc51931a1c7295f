"""The page of a base's partners: next versions, a policy that only a signatory changes, notices."""

from __future__ import annotations

import re
import secrets

import pytest
from sqlalchemy import Engine, text

from broker.accounts.let_sign import let_sign
from broker.bases.create_base import create_base
from broker.bases.publish_partner_list import PartnerName, publish_partner_list
from broker.kernel.database import Database
from tests.front_house import House


@pytest.fixture
def base(house: House) -> str:
    code = f"base-{secrets.token_hex(4)}"
    with house.front.database.begin(house.people["owner"].actor) as unit:
        create_base(unit, code, "Winter customers", "fashion", "b2c")
        publish_partner_list(unit, code, [PartnerName("Florist"), PartnerName("Baker")])
    return code


@pytest.fixture
def signatory(house: House, worker_engine: Engine) -> None:
    with Database(worker_engine).begin() as unit:
        if not unit.scalar("SELECT may_sign FROM app_user WHERE email = :email", email=house.people["owner"].email):
            let_sign(unit, house.people["owner"].email)


def test_the_next_version_keeps_adds_and_takes_off(house: House, base: str) -> None:
    client, token = house.browser("owner")
    form = {
        "csrf_token": token,
        "name": ["Chocolate & Co", "", ""],
        "advertiser": [house.people["advertiser"].org_code, "", ""],
        "sector": ["food", "", ""],
        "left_out": ["Baker"],
    }
    assert client.post(f"/bases/{base}/partners/extend", data=form).status_code == 303
    page = client.get(f"/bases/{base}/partners").text
    history = page[page.index('id="h-versions"') :]
    assert re.search(r"<strong>2</strong>.*Chocolate &amp; Co.*Baker.*<strong>1</strong>", history, re.S)
    again = client.post(f"/bases/{base}/partners/extend", data=form | {"left_out": []})
    assert again.status_code == 422
    assert "stands on the list already" in again.text


def test_without_the_right_to_sign_the_policy_stays(house: House, base: str, worker_engine: Engine) -> None:
    with worker_engine.begin() as connection:
        connection.execute(text("UPDATE app_user SET may_sign = false"))
    client, token = house.browser("owner")
    assert "Only a person who signs" in client.get(f"/bases/{base}/partners").text
    form = {"csrf_token": token, "policy": "category", "signature": "Owner"}
    assert client.post(f"/bases/{base}/partners/policy", data=form).status_code == 403


@pytest.mark.usefixtures("signatory")
def test_a_signatory_changes_the_policy_under_a_text_that_is_kept(
    house: House, base: str, worker_engine: Engine
) -> None:
    client, token = house.browser("owner")
    path = f"/bases/{base}/partners/policy"
    form = {"csrf_token": token, "policy": "named_after_notice", "signature": "Somebody else"}
    assert client.post(path, data=form).status_code == 422
    assert client.post(path, data=form | {"signature": " owner "}).status_code == 303
    with worker_engine.connect() as connection:
        (kept,) = connection.execute(
            text(
                "SELECT c.statement FROM partner_policy_change c JOIN base b ON b.id = c.base_id WHERE b.code = :code"
            ),
            {"code": base},
        ).scalars()
        audit = connection.execute(
            text("SELECT detail ->> 'statement' FROM audit_entry WHERE action = 'partner_policy.signed'"
                 " AND object_id = :code"), {"code": base},
        ).scalars().all()  # fmt: skip
    assert "30 days to object" in kept
    assert audit == [kept]
    page = client.get(f"/bases/{base}/partners").text
    assert "named after a notice" in page
    assert client.post(path, data=form | {"signature": "Owner"}).status_code == 409


@pytest.mark.usefixtures("signatory")
def test_nobody_signs_for_a_neighbour(house: House, base: str) -> None:
    client, token = house.browser("stranger")
    form = {"csrf_token": token, "policy": "category", "signature": "Stranger"}
    assert client.get(f"/bases/{base}/partners").status_code == 404
    assert client.post(f"/bases/{base}/partners/policy", data=form).status_code == 404


def test_a_notice_needs_contacts_and_an_added_name(house: House, base: str) -> None:
    client, token = house.browser("owner")
    reply = client.post(f"/bases/{base}/partners/notice", data={"csrf_token": token, "language": "en"})
    assert reply.status_code == 409
    assert "import a file first" in reply.text
