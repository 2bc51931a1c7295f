"""The life of a base through the API: costs, watches, audits of consent, register, breaches, alerts."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from broker.audit.bulk_read import note_bulk_read
from tests.front_house import House

MISSING = "/bases/no-such-base"


@pytest.fixture(scope="module")
def client(house: House) -> FlaskClient:
    client = house.api.test_client()
    new = {"code": "life-api", "name": "Life", "sector": "food"}
    assert client.post("/bases", json=new, headers=house.program("owner")).status_code == 201
    return client


def call(client: FlaskClient, house: House, who: str, method: str, path: str, **body: Any) -> tuple[int, Any]:
    reply = client.open(path, method=method, json=body or None, headers=house.program(who))
    return reply.status_code, reply.get_json()


def test_costs_are_entered_corrected_ended_and_taken_out_by_their_owner_alone(
    client: FlaskClient, house: House
) -> None:
    with house.front.database.begin(house.people["owner"].actor) as unit:
        year = unit.today.year - 1  # other files may have moved the shared clock
    cost = {"label": "CRM", "rhythm": "monthly", "amount_cents": 4_900, "starts_on": f"{year}-01-10"}
    status, made = call(client, house, "owner", "POST", "/bases/life-api/costs", **cost)
    assert status == 201
    path = f"/bases/life-api/costs/{made['code']}"
    assert call(client, house, "owner", "POST", path, **cost, ends_on=f"{year}-02-01")[1]["ends_on"] == f"{year}-02-01"
    status, refused = call(client, house, "owner", "POST", path, **cost, ends_on=f"{year - 1}-02-01")
    assert (status, refused["code"]) == (422, "ends_before")
    for who, expected in (("stranger", 404), ("broker", 403), ("accountant", 403)):
        assert call(client, house, who, "GET", "/bases/life-api/costs")[0] == expected
        assert call(client, house, who, "GET", "/bases/life-api/balance")[0] == expected
        assert call(client, house, who, "POST", path, **cost)[0] == expected
    status, balance = call(client, house, "owner", "GET", "/bases/life-api/balance?months=24")
    assert (status, len(balance["months"])) == (200, 24)
    assert [
        month["cost_cents"] for month in balance["months"] if month["month"][:7] in (f"{year}-01", f"{year}-02")
    ] == [
        4_900,
        4_900,
    ]
    assert balance["total"]["result_cents"] == -9_800
    assert balance["result_per_thousand_cents"] is None
    assert call(client, house, "owner", "POST", f"{path}/remove")[1] == {"items": []}
    assert call(client, house, "owner", "POST", path, **cost)[0] == 404


def test_a_base_without_a_snapshot_answers_everything_with_nothing(client: FlaskClient, house: House) -> None:
    for path in ("quality", "enrichments", "watches", "consent-sources"):
        assert call(client, house, "owner", "GET", f"/bases/life-api/{path}") == (200, {"items": []})
    assert call(client, house, "owner", "GET", "/bases/life-api/retention")[1] == {
        "waiting": 0,
        "forecast": [],
        "reports": [],
    }
    assert call(client, house, "owner", "GET", "/reminders") == (200, {"items": []})
    status, refused = call(client, house, "owner", "POST", "/bases/life-api/watches", field="gender", months=12)
    assert (status, refused["code"]) == (422, "unknown_field")
    for path in ("quality", "enrichments", "watches", "costs", "balance", "retention", "consent-sources"):
        assert call(client, house, "owner", "GET", f"{MISSING}/{path}")[0] == 404


def test_only_the_broker_samples_and_reads_alerts(client: FlaskClient, house: House) -> None:
    for who, expected in (("owner", 403), ("accountant", 403), ("broker", 409)):
        assert call(client, house, who, "POST", "/bases/life-api/consent-audits", size=5)[0] == expected
    for who, expected in (("owner", 403), ("accountant", 403), ("broker", 200)):
        assert call(client, house, who, "GET", "/alerts")[0] == expected
    assert call(client, house, "broker", "POST", "/consent-sources/src_none/quarantine", reason="x")[0] == 404


def test_the_register_speaks_both_languages(client: FlaskClient, house: House) -> None:
    for language, word in (("en", "Customers and prospects"), ("fr", "Clients et prospects")):
        status, found = call(client, house, "owner", "GET", f"/register?language={language}")
        assert status == 200
        assert word in {line["people"] for line in found["items"]}
    reply = client.get("/register.csv?language=fr", headers=house.program("owner"))
    assert "Clients et prospects" in reply.text


def test_a_breach_has_its_rows_its_clock_and_its_texts(client: FlaskClient, house: House) -> None:
    moment = "2026-11-01T10:00:00+00:00"
    new = {
        "base": "life-api", "nature": "integrity", "facts": "changed", "data": "names", "began_at": moment,
        "ended_at": moment, "discovered_at": moment, "which_rows": "lines 2 to 9", "risk": "high",
    }  # fmt: skip
    status, made = call(client, house, "owner", "POST", "/breaches", **new)
    assert (status, made["which_rows"], made["authority_due_at"][:13]) == (201, "lines 2 to 9", "2026-11-04T10")
    path = f"/breaches/{made['code']}"
    assert "lines 2 to 9" in call(client, house, "owner", "GET", f"{path}/texts?language=fr")[1]["authority"]
    status, refused = call(client, house, "owner", "POST", f"{path}/notes", authority_told_at="2026-11-06T10:00:00Z")
    assert (status, refused["code"]) == (422, "missing_reason")
    assert call(client, house, "stranger", "GET", f"{path}/texts")[0] == 404


def test_questions_about_one_contact_add_up_to_a_bulk_read(client: FlaskClient, house: House) -> None:
    limit = house.front.settings.trade.bulk_read_alert
    with house.front.database.begin(house.people["owner"].actor) as unit:
        note_bulk_read(unit, "contact", "life-api", limit - 1, limit)
    asked = client.post("/bases/life-api/contacts/questions", json={"reference": "C-1"}, headers=house.program("owner"))
    assert asked.status_code == 202
    alerts = call(client, house, "broker", "GET", "/alerts")[1]["items"]
    assert ("contact", 1, limit) in {(alert["object_kind"], alert["rows"], alert["today"]) for alert in alerts}
