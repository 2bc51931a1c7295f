"""The postback door over HTTP: signed messages are kept, anything else is told why, and counted for the console."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from broker.affiliation.postback import secret_of, signature_of
from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.click_ids import placed, with_click_id
from broker.feedback.journal import Journal
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.tokens import TokenRef, read_token
from tests.store.conversion_scene import Shop, open_shop
from tests.store.money_scene import build_scene
from tests.unit.rings import front_ring
from web.public import public_blueprint

FRONT = front_ring()


@pytest.fixture
def shop(admin_engine: Engine, worker_engine: Engine, web_engine: Engine, public_engine: Engine) -> Shop:
    return open_shop(build_scene(admin_engine, worker_engine, web_engine), public_engine, FRONT)


@pytest.fixture
def client(public_engine: Engine, tmp_path: Path) -> FlaskClient:
    app, database = Flask("web"), Database(public_engine)
    app.register_blueprint(public_blueprint(database, FRONT, Settings(), Journal(tmp_path), AskBriefly(database)))
    return app.test_client()


def moment(shop: Shop) -> str:
    with shop.scene.worker.begin() as unit:
        return str(int(unit.now.timestamp()))


def test_a_signed_query_and_a_signed_body_are_kept_once_each(shop: Shop, client: FlaskClient) -> None:
    code, now = shop.programme.code, moment(shop)
    secret = secret_of(FRONT, code, 1, 1)
    query = f"click_id={shop.click(1)}&reference=CMD%201&amount=12.50&sid=ignored&t={now}"
    first = client.get(f"/postback/{code}?{query}&sig={signature_of(secret, now, query.encode())}")
    assert (first.status_code, first.json["state"], first.json["fresh"]) == (200, "pending", True)  # type: ignore[index]
    again = client.get(f"/postback/{code}?{query}&sig={signature_of(secret, now, query.encode())}")
    assert (again.json["code"], again.json["fresh"]) == (first.json["code"], False)  # type: ignore[index]
    body = json.dumps({"click_id": shop.click(2), "reference": "CMD 2", "amount": 30, "t": "?"}).encode()
    header = {"Courtier-Signature": f"t={now},v1={signature_of(secret, now, body)}"}
    second = client.post(f"/postback/{code}", data=body, content_type="application/json", headers=header)
    assert (second.status_code, second.json["state"]) == (200, "pending")  # type: ignore[index]
    altered = body.replace(b"30", b"90")
    assert client.post(f"/postback/{code}", data=altered, content_type="application/json",
                       headers=header).status_code == 403  # fmt: skip


def test_what_is_not_let_in_is_told_why_and_counted(shop: Shop, client: FlaskClient) -> None:
    code, now = shop.programme.code, moment(shop)
    query = f"click_id={shop.click(1)}&reference=X&amount=1&t={now}"
    forged = client.get(f"/postback/{code}?{query}&sig={'0' * 64}")
    assert (forged.status_code, forged.json["error"]) == (403, "bad_signature")  # type: ignore[index]
    assert client.get(f"/postback/{code}?{query}").json["error"] == "missing_signature"  # type: ignore[index]
    header = {"Courtier-Signature": "t=1,v1=\u00e9"}
    listed = client.post(f"/postback/{code}", data=b"[1]", content_type="application/json", headers=header)
    assert (listed.status_code, listed.json["error"]) == (422, "bad_message")  # type: ignore[index]
    assert client.get("/postback/prog_none?reference=X&sig=0").status_code == 404
    assert client.get(f"/postback/{code}?{query}%00&sig=%ff").status_code == 403
    with shop.scene.web.begin(shop.scene.advertiser) as unit:
        rows = unit.all("SELECT reason, count FROM postback_refusal WHERE programme_id = :id", id=shop.programme.id)
    assert {"bad_signature", "missing_signature", "bad_message"} == {row.reason for row in rows}


def test_the_click_id_takes_its_place_in_the_link_and_nothing_else_changes() -> None:
    ref = TokenRef(202611000001, 7, 3, 2)
    link = "https://shop.test/p?a=%7B1%7D&cid={click_id}&x=%7bCLICK_ID%7d#top"
    changed = with_click_id(FRONT, link, ref)
    head, _, rest = changed.partition("cid=")
    token, _, tail = rest.partition("&x=")
    assert (head, tail) == ("https://shop.test/p?a=%7B1%7D&", f"{token}#top")
    assert read_token(FRONT, "conversion", token) == ref
    assert with_click_id(FRONT, "https://shop.test/?a=1", ref) == "https://shop.test/?a=1"


def test_each_reader_of_a_newsletter_gets_a_place_of_its_own() -> None:
    reader = TokenRef(202611000001, 7, 0x7FFFFFFF, 1)
    places = {placed(reader).position for _ in range(20)}
    assert len(places) == 20
    assert placed(reader._replace(position=5)).position == 5
