"""The page and the calls of DKIM keys: the broker's alone, and they hold no private half."""

from __future__ import annotations

from sqlalchemy import Engine

from broker.delivery import dkim_store as store
from broker.kernel.database import Database
from tests.front_house import House
from web.http import form_token


def test_the_broker_asks_for_a_key_and_is_told_what_cannot_be(house: House, worker_engine: Engine) -> None:
    mail = house.front.settings.mail
    with Database(worker_engine).begin() as unit:
        unit.run("DELETE FROM dkim_key")
    browser, token = house.browser("broker")
    too_early = browser.post("/delivery/keys", data={form_token.FIELD: token})
    assert "data-refusal" in too_early.text
    with Database(worker_engine).begin() as unit:
        store.note_ring_key(unit, "dkim_web", mail.sending_domain, mail.dkim_selector, "MIIBKEY")
    assert browser.post("/delivery/keys", data={form_token.FIELD: token}).status_code == 303
    page = browser.get("/delivery/keys").text
    assert f"{mail.dkim_selector}._domainkey.{mail.sending_domain}" in page
    assert "v=DKIM1; k=rsa; p=MIIBKEY" in page
    assert f"{mail.dkim_selector}-b" in page
    data = {form_token.FIELD: token, "wish": "retire"}
    assert "data-refusal" in browser.post("/delivery/keys/dkim_web", data=data).text
    api = house.api.test_client()
    shown = api.get("/delivery/keys", headers=house.program("broker")).json["items"]
    assert [(one["selector"], one["state"], bool(one["record"])) for one in shown] == [
        (mail.dkim_selector, "signs", True),
        (f"{mail.dkim_selector}-b", "waiting", False),
    ]
    assert not any("sealed" in one for one in shown)
    refused = api.post("/delivery/keys/dkim_web/wish", json={"wish": "sign"}, headers=house.program("broker"))
    assert (refused.status_code, refused.json["code"]) == (409, "selector_signs")
    assert api.post("/delivery/keys", headers=house.program("broker")).json["code"] == "selectors_taken"
    assert api.get("/delivery/keys", headers=house.program("owner")).status_code == 403
    with Database(worker_engine).begin() as unit:
        unit.run("DELETE FROM dkim_key")
