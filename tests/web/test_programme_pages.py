"""Pages of programmes: asking to join, reporting, validating, rules, newsletters, private offers."""

from __future__ import annotations

import io
import re
import secrets
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import Client, TestResponse

from broker.kernel.database import Database
from broker.mailings.schedule import schedule_participation_send
from broker.vault.tokens import make_token, read_token
from tests.front_house import House
from web.app import compose


@dataclass
class Trade:
    """An owner with a base and a segment, an advertiser with a signed creative, both at their pages."""

    house: House
    worker: Database
    base: str
    segment: str
    creative: str

    def enter(self, who: str) -> tuple[FlaskClient, str]:
        return self.house.browser(who)


@pytest.fixture
def trade(house: House, worker_engine: Engine) -> Trade:
    mark, worker = secrets.token_hex(4), Database(worker_engine)
    owner, advertiser = (house.people[who].actor.org_id for who in ("owner", "advertiser"))
    with worker.begin() as unit:
        base = unit.scalar("INSERT INTO base (org_id, code, name) VALUES (:org, :code, 'Clients') RETURNING id",
                           org=owner, code=f"b-{mark}")  # fmt: skip
        unit.run("INSERT INTO segment (code, base_id, org_id, name, rule_text, rule) VALUES (:code, :base, :org,"
                 " 'Tous', 'all', '{\"op\": \"all\"}')", code=f"seg_{mark}", base=base, org=owner)  # fmt: skip
        creative = unit.scalar(
            "INSERT INTO creative (code, org_id, name, subject, from_name, source_html, html, plain, content_hash)"
            " VALUES (:code, :org, 'Noël', 'Sujet', 'Maison', 'h', 'h', 'p', 'h') RETURNING id",
            code=f"crea_{mark}",
            org=advertiser,
        )
        unit.run(
            "INSERT INTO creative_link (creative_id, number, url, hidden) VALUES"
            " (:id, 0, 'https://shop.test', true), (:id, 1, 'https://shop.test/?cid={click_id}', false)",
            id=creative,
        )
        unit.run(
            "UPDATE creative SET state = 'signed', signed_hash = 'h', signed_by = 1, signed_at = now() WHERE id = :id",
            id=creative,
        )
    return Trade(house, worker, f"b-{mark}", f"seg_{mark}", f"crea_{mark}")


def went_to(reply: TestResponse, path: str) -> str:
    """The code in the address that a form led to."""
    assert reply.status_code == 303, reply.text
    found = re.search(path, reply.headers["Location"])
    assert found, reply.headers["Location"]
    return found.group(1)


def open_programme(trade: Trade, **fields: str) -> str:
    client, token = trade.enter("advertiser")
    with trade.worker.begin() as unit:
        today = unit.today
    form = {
        "csrf_token": token, "title": "Ventes de Noël", "sector": "fashion", "creative": trade.creative, "model": "cpa",
        "rate_share": "10", "cpm": "", "budget": "500", "starts_on": str(today),
        "ends_on": str(today.replace(year=today.year + 1)),
        "terms": "Pas de coupons.", **fields,
    }  # fmt: skip
    return went_to(client.post("/programmes", data=form), r"/programmes/(prog_\w+)")


def test_from_asking_to_join_to_a_validated_sale(trade: Trade) -> None:
    code = open_programme(trade, joining="case_by_case", plus_click="0.10", day_cap="100")
    owner, owner_token = trade.enter("owner")
    seen = owner.get(f"/programmes/{code}").text
    assert "Ask to join" in seen
    assert "Pas de coupons." in seen
    part = went_to(
        owner.post(
            f"/programmes/{code}/join", data={"csrf_token": owner_token, "base": trade.base, "terms_version": "1"}
        ),
        r"/participations/(part_\w+)",
    )
    assert "has been asked" in owner.get(f"/participations/{part}").text
    shop, token = trade.enter("advertiser")
    assert "b-" not in shop.get(f"/programmes/{code}").text.split("Who takes part")[1][:2_000]
    assert shop.post(f"/participations/{part}/answer", data={"csrf_token": token}).status_code == 422  # a no says why
    went_to(shop.post(f"/participations/{part}/answer", data={"csrf_token": token, "accept": "1"}), r"(prog_\w+)")
    with trade.worker.begin() as unit:
        day = str(unit.today)
    pick = {"csrf_token": owner_token, "segment": trade.segment, "volume": "10", "send_on": day}
    assert owner.post(f"/participations/{part}/sends", data=pick).status_code == 303
    with trade.worker.begin() as unit:
        send = unit.scalar("SELECT s.id FROM participation_send s JOIN participation p ON p.id = s.participation_id"
                           " WHERE p.code = :code", code=part)  # fmt: skip
        mailing = schedule_participation_send(unit, send)
    keys, anybody = trade.house.front.keys, Client(compose(trade.house.front))
    clicked = anybody.get(
        f"/c/{make_token(keys, 'click', mailing.dispatch_id, mailing.id, 4, 1)}", headers={"User-Agent": "Firefox"}
    )
    shop_link, _, click = clicked.headers["Location"].partition("cid=")
    assert (clicked.status_code, shop_link) == (302, "https://shop.test/?")
    assert read_token(keys, "conversion", click).position == 4
    trade.house.front.drain.drain()
    console = f"/programmes/{code}/postback"
    assert "Show the secret" in shop.get(console).text
    tried = shop.post(f"{console}/try", data={"csrf_token": token, "reference": "T", "amount": "49.90"})
    assert "a test, in order" in tried.text
    assert "&amp;sig=" in tried.text
    assert shop.post(f"{console}/try", data={"csrf_token": token, "reference": "T", "amount": "x"}).status_code == 422
    kept = shop.post(f"{console}/try", data={"csrf_token": token, "reference": "CMD-7", "amount": "49.90",
                                             "click_id": click})  # fmt: skip
    assert "Answer:" in kept.text
    assert "Answer:" not in shop.get(console).text
    listed = shop.get(f"/programmes/{code}/conversions").text
    assert "CMD-7" in listed
    assert "€4.99" in listed
    assert "CMD-7" not in owner.get(f"/programmes/{code}/conversions").text
    file = {
        "csrf_token": token,
        "look": "1",
        "file": (io.BytesIO(b"reference,decision\nCMD-7,approved\nZ,oui\n"), "v.csv"),
    }
    looked = shop.post(f"/programmes/{code}/conversions/validate", data=file).text
    assert "What the file would do" in looked
    assert "nothing was reported under this reference" in looked
    found = re.search(r"/conversions/(conv_\w+)/approve", listed)
    assert found
    assert shop.post(f"/conversions/{found[1]}/decline", data={"csrf_token": token, "reason": " "}).status_code == 422
    assert shop.post(f"/conversions/{found[1]}/approve", data={"csrf_token": token}).status_code == 303
    assert shop.post(f"/conversions/{found[1]}/decline", data={"csrf_token": token, "reason": "x"}).status_code == 409
    renewed = shop.post(f"{console}/renew", data={"csrf_token": token}, follow_redirects=True).text
    assert "former one" in renewed
    stranger, _ = trade.enter("stranger")
    assert "CMD-7" not in stranger.get(f"/programmes/{code}/conversions").text


def test_terms_change_a_rule_picks_a_newsletter_carries_and_the_owner_leaves(trade: Trade) -> None:
    code = open_programme(trade, model="cpc", rate="0.30", rate_share="")
    owner, token = trade.enter("owner")
    join = {"csrf_token": token, "base": trade.base, "terms_version": "1"}
    part = went_to(owner.post(f"/programmes/{code}/join", data=join), r"/participations/(part_\w+)")
    shop, shop_token = trade.enter("advertiser")
    with trade.worker.begin() as unit:
        far = str(unit.today.replace(year=unit.today.year + 1))
    change = {"csrf_token": shop_token, "budget": "800", "ends_on": far, "joining": "open", "terms": "Sans coupon."}
    assert shop.post(f"/programmes/{code}/change", data=change).status_code == 303
    assert shop.post(f"/programmes/{code}/change", data=change | {"budget": "0"}).status_code == 422
    page = f"/participations/{part}"
    assert "The terms have changed" in owner.get(page).text
    with trade.worker.begin() as unit:
        day = str(unit.today)
    assert owner.post(f"{page}/announce", data={"csrf_token": token, "copies": "50", "send_on": day}).status_code == 409
    assert owner.post(f"{page}/accept", data={"csrf_token": token, "version": "2"}).status_code == 303
    rule = {"csrf_token": token, "segment": trade.segment, "volume": "100", "every_days": "14", "until": far}
    assert owner.post(f"{page}/rule", data=rule | {"every_days": "0"}).status_code == 422
    assert owner.post(f"{page}/rule", data=rule).status_code == 303
    assert "Every 14 days" in owner.get(page).text
    assert owner.post(f"{page}/drop", data={"csrf_token": token}).status_code == 303
    announced = owner.post(f"{page}/announce", data={"csrf_token": token, "copies": "50", "send_on": day})
    links = owner.get(announced.headers["Location"]).text
    assert "/c/" in links
    assert "Publicité" in links
    assert owner.post(f"{page}/leave", data={"csrf_token": token}).status_code == 303
    assert "withdrawn" in owner.get(page).text


def test_a_private_offer_is_seen_by_two_only(trade: Trade) -> None:
    owner, token = trade.enter("owner")
    with trade.worker.begin() as unit:
        today, far = str(unit.today), str(unit.today.replace(year=unit.today.year + 1))
    offer = {"csrf_token": token, "advertiser": trade.house.people["advertiser"].org_code, "base": trade.base,
             "title": "Rien que vous", "sector": "fashion", "model": "cpa", "price": "7.5 %", "starts_on": today,
             "ends_on": far}  # fmt: skip
    assert owner.post("/private-offers", data=offer | {"advertiser": "org_nobody"}).status_code == 404
    assert owner.post("/private-offers", data=offer | {"price": "abc %"}).status_code == 422
    assert owner.post("/private-offers", data=offer).status_code == 303
    shop, shop_token = trade.enter("advertiser")
    found = re.search(r"/private-offers/(offer_\w+)/accept", shop.get("/private-offers").text)
    assert found
    answer = {"csrf_token": shop_token, "creative": trade.creative, "budget": "300"}
    code = went_to(shop.post(f"/private-offers/{found[1]}/accept", data=answer), r"/programmes/(prog_\w+)")
    assert shop.post(f"/private-offers/{found[1]}/accept", data=answer).status_code == 409
    assert "Rien que vous" in owner.get("/participations").text
    assert owner.get(f"/programmes/{code}").status_code == 200
    stranger, _ = trade.enter("stranger")
    assert stranger.get(f"/programmes/{code}").status_code == 404
    assert "Rien que vous" not in stranger.get("/programmes").text
