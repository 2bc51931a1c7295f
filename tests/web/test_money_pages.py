"""Opening a month again, files, and contested documents, as their users meet them; by call as well."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from broker.billing.exports.write_export import write_export
from broker.ledger.periods import set_period
from tests.front_house import House
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene
from tests.web.test_accounting_pages import post


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


@pytest.fixture
def month(scene: MoneyScene) -> str:
    with scene.worker.begin() as unit:
        last: date = unit.scalar("SELECT coalesce(max(month), '2101-01-01') FROM ledger_period")
        # After every other closed month; beyond the days that other tests report on, before 2108: pages show no later.
        found = (max(last, date(2101, 1, 1)) + timedelta(days=31)).replace(day=1)
        set_period(unit, found, "soft_closed")
    return f"{found:%Y-%m}"


def test_a_month_is_opened_again_by_two_persons_on_its_page(house: House, scene: MoneyScene, month: str) -> None:
    client, csrf = house.browser("accountant")
    close = f"/accounting/close?month={month}"
    assert "softly closed" in client.get(f"{close}&lang=en").text
    empty = post(client, csrf, "/accounting/chart", "/accounting/reopenings", month=month, reason=" ")
    assert empty.status_code == 422
    asked = post(client, csrf, "/accounting/chart", "/accounting/reopenings", month=month, reason="Frais tardifs")
    assert asked.status_code == 303
    shown = client.get(f"{close}&lang=fr").text
    assert "Frais tardifs" in shown
    assert "Retirer la demande" in shown
    code = shown.partition("/accounting/reopenings/")[2].partition("/")[0]
    own = post(client, csrf, "/accounting/chart", f"/accounting/reopenings/{code}/open")
    assert (own.status_code, "another person" in own.text) == (403, True)
    other, token = house.browser("broker")
    assert "Open the month" in other.get(f"{close}&lang=en").text
    opened = post(other, token, "/accounting/chart", f"/accounting/reopenings/{code}/open")
    assert opened.status_code == 303
    assert "period_" not in other.get(f"{close}&lang=fr").text
    owner, _ = house.browser("owner")
    assert owner.get(close).status_code == 403


def test_the_calls_of_a_reopening_and_of_files(house: House, scene: MoneyScene, month: str) -> None:
    client: FlaskClient = house.api.test_client()
    staff, second, owner = house.program("accountant"), house.program("broker"), house.program("owner")
    made = client.post("/ledger/reopenings", json={"month": month, "reason": "late"}, headers=staff)
    assert (made.status_code, made.get_json()["state"]) == (201, "asked")
    address = f"/ledger/reopenings/{made.get_json()['code']}/answer"
    assert client.post(address, json={"answer": "open"}, headers=staff).get_json()["code"] == "four_eyes"
    assert client.post(address, json={"answer": "open"}, headers=owner).status_code == 403
    assert client.post(address, json={"answer": "open"}, headers=second).get_json()["state"] == "done"
    listed = client.get(f"/ledger/reopenings?month={month}", headers=staff).get_json()["items"]
    assert [one["state"] for one in listed] == ["done"]
    body = {"kind": "sends", "format": "csv", "first": "2020-01-01", "last": "2100-01-01"}
    file = client.post("/files", json=body, headers=owner)
    assert file.status_code == 202
    code = file.get_json()["code"]
    assert client.get(f"/files/{code}/content", headers=owner).get_json()["code"] == "file_not_ready"
    with scene.worker.begin() as unit:
        file_id = unit.scalar("SELECT id FROM export_file WHERE code = :code", code=code)
    write_export(scene.worker, SETTINGS, file_id)
    whole = client.get(f"/files/{code}/content", headers=owner)
    rest = client.get(f"/files/{code}/content", headers={**owner, "Range": "bytes=10-"})
    assert (whole.status_code, rest.status_code, rest.data) == (200, 206, whole.data[10:])
    assert rest.headers["Content-Range"] == f"bytes 10-{len(whole.data) - 1}/{len(whole.data)}"
    for behind in ("bytes=999999-", "bytes=-0"):
        refused = client.get(f"/files/{code}/content", headers={**owner, "Range": behind})
        assert (refused.status_code, refused.json["code"]) == (416, "bad_range")
        assert refused.headers["Content-Range"] == f"bytes */{len(whole.data)}"
    assert client.get(f"/files/{code}", headers=staff).status_code == 404
    assert client.post(f"/files/{code}/drop", headers=owner).get_json()["state"] == "cancelled"
    assert client.get(f"/files/{code}/content", headers=owner).status_code == 404


def test_files_are_asked_for_watched_and_taken(house: House, scene: MoneyScene) -> None:
    client, csrf = house.browser("accountant")
    assert client.get("/files?lang=fr").status_code == 200
    dates = {"from": "2020-01-01", "to": "2100-01-01"}
    assert post(client, csrf, "/files", "/files", what="journal.zip", **dates).status_code == 303
    assert post(client, csrf, "/files", "/files", what="journal.xlsx", **dates).status_code == 422
    assert post(client, csrf, "/files", "/files", what="journal.zip", **{"from": "", "to": ""}).status_code == 422
    with scene.worker.begin() as unit:
        row = unit.one("SELECT id, code FROM export_file WHERE kind = 'journal' ORDER BY id DESC LIMIT 1")
    assert row is not None
    waiting = client.get(f"/files/{row.code}/progress").text
    assert "every 1s" in waiting
    write_export(scene.worker, SETTINGS, row.id)
    done = client.get(f"/files/{row.code}/progress").text
    assert "every 1s" not in done
    taken = client.get(f"/files/{row.code}")
    assert (taken.status_code, taken.data[:2], taken.headers["Accept-Ranges"]) == (200, b"PK", "bytes")
    part = client.get(f"/files/{row.code}", headers={"Range": "bytes=2-5", "If-Range": taken.headers["ETag"]})
    assert (part.status_code, part.data) == (206, taken.data[2:6])
    behind = client.get(f"/files/{row.code}", headers={"Range": "bytes=999999999-"})
    assert (behind.status_code, behind.headers["Content-Range"]) == (416, f"bytes */{len(taken.data)}")
    changed = client.get(f"/files/{row.code}", headers={"Range": "bytes=2-5", "If-Range": '"another"'})
    assert (changed.status_code, changed.data) == (200, taken.data)
    assert post(client, csrf, "/files", f"/files/{row.code}/drop").status_code == 303
    assert client.get(f"/files/{row.code}").status_code == 404
    advertiser, _ = house.browser("advertiser")
    assert advertiser.get("/files").status_code == 403


def test_revenue_without_days_is_the_last_year_and_wrong_days_say_what_is_wrong(house: House) -> None:
    client, staff = house.api.test_client(), house.program("accountant")
    report = client.get("/reports/revenue", headers=staff).get_json()
    first, last = date.fromisoformat(report["first"]), date.fromisoformat(report["last"])
    assert (last - first).days == 365
    for path in ("/reports/revenue", "/reports/figures", "/reports/vat", "/reports/conversions"):
        refused = client.get(f"{path}?from=2026-10-02&to=2026-10-01", headers=staff)
        said = refused.get_json()
        assert (refused.status_code, said["code"]) == (422, "bad_period"), path
        assert "2026-10-01" in said["detail"]
    assert client.get("/reports/revenue?from=yesterday", headers=staff).status_code == 422
    alone = client.get("/reports/revenue?to=2024-02-29", headers=staff).get_json()
    assert (alone["first"], alone["last"]) == ("2023-03-01", "2024-02-29")
