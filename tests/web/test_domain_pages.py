"""Sending domains and reputation by page and API."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import Engine

from broker.delivery.delegate_domain import check_domain
from broker.delivery.reputation_store import add, hold
from broker.kernel.database import Database
from tests.front_house import House
from tests.unit.rings import worker_ring
from web.http import form_token


@pytest.fixture
def name() -> str:
    return f"news.{secrets.token_hex(5)}.fr"


def test_an_owner_delegates_a_subdomain_and_sees_its_records_become_green(
    house: House, worker_engine: Engine, name: str
) -> None:
    browser, token = house.browser("owner")
    refused = browser.post("/domains", data={"domain": name.partition(".")[2], form_token.FIELD: token})
    assert "data-refusal" in refused.text
    assert browser.post("/domains", data={"domain": name, form_token.FIELD: token}).status_code == 303
    page = browser.get("/domains").text
    assert f"bounce.{name}" in page
    assert "v=spf1 include:bounce.courtier.test -all" in page
    data, mail = Database(worker_engine), house.front.settings.mail
    with data.begin() as unit:
        number = unit.scalar("SELECT id FROM sending_domain WHERE domain = :name", name=name)
    answers = {
        (f"{mail.dkim_selector}._domainkey.{name}", "CNAME"): [
            f"{mail.dkim_selector}._domainkey.{mail.sending_domain}"
        ],
        (f"{mail.dkim_selector}-b._domainkey.{name}", "CNAME"): [
            f"{mail.dkim_selector}-b._domainkey.{mail.sending_domain}"
        ],
        (f"bounce.{name}", "MX"): [f"10 {mail.bounce_domain}"],
        (f"bounce.{name}", "TXT"): [f"v=spf1 include:{mail.bounce_domain} -all"],
        (name, "MX"): [f"10 {mail.bounce_domain}"],
        (f"_dmarc.{name}", "TXT"): ["v=DMARC1; p=none"],
    }
    api = house.api.test_client()

    def state() -> str:
        shown = api.get("/sending-domains", headers=house.program("owner")).json["items"]
        return str(next(one["state"] for one in shown if one["domain"] == name))

    assert state() == "waiting"
    check_domain(data, worker_ring(), house.front.settings, number, lambda *asked: answers.get(asked, []))
    assert state() == "green"
    check_domain(data, worker_ring(), house.front.settings, number, lambda *asked: [])
    assert state() == "broken"
    with data.begin() as unit:
        told = unit.all(
            "SELECT kind, org_id FROM notification_event WHERE facts ->> 'domain' = :name ORDER BY id", name=name
        )
    assert [row.kind for row in told][:2] == ["sending_domain.ready", "sending_domain.broken"]
    code = api.get("/sending-domains", headers=house.program("owner")).json["items"][-1]["code"]
    taken = api.post("/sending-domains", json={"domain": name.upper()}, headers=house.program("stranger"))
    assert (taken.status_code, taken.json["code"]) == (409, "domain_taken")
    assert api.get(f"/sending-domains/{code}", headers=house.program("stranger")).status_code == 404
    assert api.get(f"/sending-domains/{code}", headers=house.program("broker")).json["domain"] == name
    assert api.post(f"/sending-domains/{code}/take-back", headers=house.program("broker")).status_code == 403
    assert api.post(f"/sending-domains/{code}/check", headers=house.program("owner")).status_code == 200
    assert api.post(f"/sending-domains/{code}/take-back", headers=house.program("owner")).status_code == 204
    assert name not in browser.get("/domains").text


def test_the_broker_sees_rates_and_releases_what_is_held_with_a_reason(
    house: House, worker_engine: Engine, name: str
) -> None:
    code = f"hold_{secrets.token_hex(4)}"
    with Database(worker_engine).begin() as unit:
        add(unit, name, "relay:25", "gmail", {"accepted": 1000, "complaints": 5})
        # Three days ago: without a span named the page shows the shortest one in which mail left.
        unit.run("UPDATE mail_tally SET hour = hour - interval '3 days'")
        hold(unit, code, "sending_domain", name, "complaints", 1000, 5)
    browser, token = house.browser("broker")
    page = browser.get("/reputation").text
    assert name in page
    assert "0.5" in page
    address = f"/reputation/{code}/release"
    assert "data-refusal" in browser.post(address, data={"reason": "ok", form_token.FIELD: token}).text
    reason = "The import of May was taken out of the base."
    assert browser.post(address, data={"reason": reason, form_token.FIELD: token}).status_code == 303
    assert reason in browser.get("/reputation").text
    api = house.api.test_client()
    assert api.post(f"/reputation/holds/{code}/release", json={"reason": reason},
                    headers=house.program("broker")).status_code == 409  # fmt: skip
    past = api.get("/reputation/holds?released=true", headers=house.program("broker")).json["items"]
    assert past[0]["release_reason"] == reason
    rows = api.get("/reputation?kind=provider&hours=168", headers=house.program("broker")).json["items"]
    assert any(row["name"] == "gmail" for row in rows)
    for path in ("/reputation", "/reputation/holds"):
        assert api.get(path, headers=house.program("owner")).status_code == 403
    owner, _ = house.browser("owner")
    assert owner.get("/reputation").status_code in (403, 404)
