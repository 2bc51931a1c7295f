"""The accountant's pages over real figures: every page in both languages, what is asked is done, refusals stay put."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from tests.front_house import House
from tests.store.money_scene import MoneyScene, build_scene

PAGES = (
    "/accounting",
    "/accounting/figures",
    "/accounting/figures?by=owner",
    "/accounting/close",
    "/accounting/chart",
    "/accounting/platform",
    "/mandates",
    "/revenue",
)


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    scene.settled(scene.paid(5_000), 400, bounced=3)
    return scene


def post(client: FlaskClient, csrf: str, page: str, address: str, **form: Any) -> Any:
    token = re.search(r'name="([^"]+)" value="' + re.escape(csrf), client.get(f"{page}?lang=en").text)
    assert token is not None
    return client.post(address, data={**form, token[1]: csrf})


@pytest.mark.parametrize("page", PAGES)
def test_every_page_stands_in_both_languages(house: House, scene: MoneyScene, page: str) -> None:
    client, _ = house.browser("accountant")
    for language in ("en", "fr"):
        reply = client.get(f"{page}{'&' if '?' in page else '?'}lang={language}")
        assert reply.status_code == 200, page
        assert "dim_" not in reply.text
        assert "check_" not in reply.text


def test_figures_are_walked_down_and_taken_away(house: House, scene: MoneyScene) -> None:
    client, _ = house.browser("accountant")
    with scene.worker.begin() as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
    page = client.get("/accounting/figures?by=owner&lang=en").text
    assert "Maison Œuvre" in page
    down = client.get(f"/accounting/figures?by=mailing&f_owner={owner}&lang=en").text
    assert "/sends" in down
    with scene.worker.begin() as unit:
        month = f"{unit.today:%Y-%m}"
    days = client.get(f"/accounting/figures?by=day&f_month={month}&lang=fr").text
    assert f"{month} ×" not in days  # in words
    assert client.get("/accounting/figures?by=day&f_month=2026-13").status_code == 200
    for kind in ("csv", "xlsx", "parquet"):
        reply = client.get(f"/accounting/figures?by=mailing&f_owner={owner}&format={kind}")
        assert (reply.status_code, bool(reply.data)) == (200, True), kind
    lines = client.get(f"/accounting/figures?by=mailing&f_owner={owner}&format=csv").text.splitlines()
    assert lines[-1].split(",")[2:6] == ["400", "397", "0", str(397 * 33_333)]
    assert client.get("/accounting/figures?by=hair").status_code == 422
    assert client.get("/accounting/figures?format=pdf").status_code == 422


def test_who_reads_what(house: House, scene: MoneyScene) -> None:
    owner, _ = house.browser("owner")
    assert owner.get("/accounting/figures").status_code == owner.get("/accounting/statement").status_code == 200
    assert owner.get("/accounting").status_code == owner.get("/accounting/close").status_code == 403
    advertiser, _ = house.browser("advertiser")
    assert {advertiser.get(page).status_code for page in PAGES} == {403}


def test_a_mandate_a_role_and_an_account_are_recorded_and_wrong_ones_refused_in_place(
    house: House, scene: MoneyScene
) -> None:
    client, csrf = house.browser("accountant")
    mine, token = house.browser("owner")
    signed = {"reference": "M-77", "signatory": "B. Roux", "signed_on": "2026-01-05"}
    assert post(mine, token, "/mandates", "/mandates", **signed).status_code == 303
    assert "M-77" in client.get("/mandates").text
    party = house.people["owner"].org_code
    wrong = post(
        client, csrf, "/mandates", "/mandates/roles", party=party, role="principal", pay_when_paid="1", **signed
    )
    assert (wrong.status_code, "only an agent" in wrong.text) == (422, True)
    number = f"62799{house.people['owner'].actor.org_id}"[:10]
    add = {"number": number, "label_fr": "Frais"}
    assert post(client, csrf, "/accounting/chart", "/accounting/chart", **add).status_code == 303
    assert post(client, csrf, "/accounting/chart", "/accounting/chart", **add).status_code == 409
    assert post(client, csrf, "/accounting/chart", "/accounting/chart", rename="1", **add).status_code == 303


def test_a_close_is_asked_for_once_the_month_is_over(house: House, scene: MoneyScene, admin_engine: Engine) -> None:
    client, csrf = house.browser("accountant")
    with scene.worker.begin() as unit:
        month = f"{unit.today:%Y-%m}"
    running = post(client, csrf, "/accounting/chart", "/accounting/close", month=month, target="locked")
    assert running.status_code == 409
    assert post(client, csrf, "/accounting/chart", "/accounting/close", month="2021-03").status_code == 303
    with admin_engine.begin() as connection:
        asked = connection.execute(text("SELECT target FROM ledger_close WHERE month = '2021-03-01'")).scalars().all()
        connection.execute(text("DELETE FROM ledger_close WHERE month = '2021-03-01'"))
    assert asked == ["locked"]


@pytest.mark.parametrize("page", ["/accounting", "/accounting/figures", "/revenue"])
def test_days_of_no_calendar_and_exchanged_ones_are_refused(house: House, scene: MoneyScene, page: str) -> None:
    client, _ = house.browser("accountant")
    for days in ("from=9999-12-01&to=9999-12-31", "from=0001-01-01&to=2028-02-29", "from=2028-02-29&to=2028-02-28"):
        assert client.get(f"{page}?{days}").status_code == 422, days
    assert client.get(f"{page}?from=2028-02-29&to=2028-02-29").status_code == 200
    for month in ("0001-01", "9999-12"):
        assert client.get(f"/accounting/close?month={month}").status_code == 422, month


def test_a_stranger_contests_nothing(house: House, scene: MoneyScene) -> None:
    client, csrf = house.browser("owner")
    with scene.worker.begin() as unit:
        bill = unit.scalar(
            "SELECT number FROM invoice WHERE kind = 'self_bill' AND seller_id = :o LIMIT 1", o=scene.owner.org
        )
    assert post(client, csrf, "/mandates", f"/invoices/{bill}/contest", reason="x").status_code == 404
