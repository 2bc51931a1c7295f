"""Pages of the commercial terms: quotes with terms, options, credit, further uses, re-mails."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.front_house import House
from tests.store.money_scene import NoAudience, _add


@pytest.fixture(scope="module")
def card(house: House, admin_engine: Engine) -> str:
    """A published card of the house's owner, counted without a process."""
    object.__setattr__(house.front, "audience", NoAudience())
    owner, mark = house.people["owner"].actor.org, house.people["owner"].org_code.removeprefix("org_")
    with admin_engine.begin() as connection:
        base = _add(connection, "base", code=f"base-{mark}", org_id=owner, name="Base")
        whole = {"name": "All", "rule_text": "all", "rule": '{"op": "all"}'}
        segment = _add(connection, "segment", code=f"seg_{mark}", base_id=base, org_id=owner, **whole)
        rows = {"number": 1, "file_name": "x.parquet", "sha256": b"x", "rows": 120_000, "rentable": 120_000}
        snapshot = _add(connection, "snapshot", base_id=base, columns="[]", **rows)
        sold = {"title": "Gardeners", "sector": "home", "size_shown": 120_000, "base_price_micros": 30_000}
        place = {"org_id": owner, "base_id": base, "segment_id": segment, "snapshot_id": snapshot}
        _add(connection, "data_card", code=f"card_{mark}", minimum_order=5_000, selects="[]", **sold, **place)
    return f"card_{mark}"


def asked(house: House, card: str, **form: Any) -> tuple[int, str]:
    """Ask for a quote as the advertiser; (status, order's code or the page)."""
    client, token = house.browser("advertiser")
    reply = client.post(f"/catalogue/{card}/quote", data={"csrf_token": token, "volume": "10000", **form})
    found = re.search(r"/orders/(order_[a-z0-9]+)", reply.headers.get("Location", ""))
    return reply.status_code, found[1] if found else reply.get_data(as_text=True)


def page(house: House, who: str, path: str) -> str:
    client, _ = house.browser(who)
    reply = client.get(path)
    assert reply.status_code == 200, path
    return reply.get_data(as_text=True)


def test_a_quote_asks_for_terms_and_its_page_shows_them(house: House, card: str) -> None:
    assert "More terms" in page(house, "advertiser", f"/catalogue/{card}")
    terms = {"uses": "3", "net_names": "1", "shortfall": "guaranteed", "remedy": "credit", "tolerance": "2,5"}
    status, code = asked(house, card, **terms)
    assert status == 303
    shown = page(house, "advertiser", f"/orders/{code}")
    for words in ("3 uses until", "€15.00", "at least 85", "€5.00", "guaranteed", "beyond 2.5", "credited"):
        assert words in shown, words
    assert "net_names" not in shown


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"uses": "99"}, "1 to 52 uses"),
        ({"use_until": "2099-01-01"}, "a period goes with several uses"),
        ({"shortfall": "guaranteed", "tolerance": "a lot"}, "between 0 and 50"),
        ({"shortfall": "guaranteed", "tolerance": "nan"}, "between 0 and 50"),
        ({"discount": "99", "discount_bp": "9900"}, None),
    ],
)
def test_odd_terms_are_told_and_a_discount_is_nobodys_own_word(
    house: House, card: str, form: dict[str, str], sentence: str | None
) -> None:
    status, told = asked(house, card, **form)
    if sentence is None:
        assert status == 303
        assert "Discount" not in page(house, "advertiser", f"/orders/{told}")
    else:
        assert status in (409, 422)
        assert sentence in told


def test_an_option_is_taken_on_the_page_and_free_names_stand_beside_it(house: House, card: str) -> None:
    _, code = asked(house, card, send_on="2028-03-14")
    client, token = house.browser("advertiser")
    shown = page(house, "advertiser", f"/orders/{code}")
    assert "Hold them for 5 days" in shown
    assert "About 120,000 of these names are free" in page(house, "advertiser", f"/orders/{code}/free")
    assert client.post(f"/orders/{code}/option", data={"csrf_token": token}).status_code == 303
    assert "held until" in page(house, "advertiser", f"/orders/{code}")
    assert "Besides the 10,000 that your option holds" in page(house, "advertiser", f"/orders/{code}/free")
    again = client.post(f"/orders/{code}/option", data={"csrf_token": token})
    assert again.status_code == 409
    assert "already" in again.get_data(as_text=True)


def test_the_broker_sets_limits_and_others_do_not(house: House) -> None:
    advertiser = house.people["advertiser"].org_code
    client, token = house.browser("broker")
    assert client.post(f"/credit/{advertiser}", data={"csrf_token": token, "limit": "1 250,50"}).status_code == 303
    assert 'value="1250.50"' in page(house, "broker", "/credit")
    assert "€1,250.50" in page(house, "accountant", "/credit")
    assert client.post(f"/credit/{advertiser}", data={"csrf_token": token, "limit": "lots"}).status_code == 422
    assert client.post("/credit/org_nobody", data={"csrf_token": token, "limit": "1"}).status_code == 404
    for who in ("accountant", "owner", "advertiser"):
        client, token = house.browser(who)
        assert client.post(f"/credit/{advertiser}", data={"csrf_token": token, "limit": "9"}).status_code == 403
    client, _ = house.browser("advertiser")
    assert client.get("/credit").status_code == 403


def test_steps_that_are_not_possible_show_the_order_again_with_a_sentence(house: House, card: str) -> None:
    _, code = asked(house, card, uses="2")
    client, token = house.browser("advertiser")
    for path, form in (("credit", {}), ("uses", {"use_on": "2099-01-01"}), ("uses", {}), ("uses/give-up", {})):
        reply = client.post(f"/orders/{code}/{path}", data={"csrf_token": token, **form})
        assert reply.status_code in (409, 422), path
        assert 'role="alert"' in reply.get_data(as_text=True)
    assert client.get("/mailings/mailing_nothing/again").status_code == 404
    assert client.get(f"/orders/{code}/forecast").get_data(as_text=True).strip() == ""


def test_programs_take_the_same_steps(house: House, card: str) -> None:
    client, headers = house.api.test_client(), house.program("advertiser")
    body = {"card": card, "volume": 10_000, "send_on": "2028-05-10", "uses": 2, "shortfall": "guaranteed"}
    order = client.post("/quotes", json=body, headers=headers).get_json()
    assert (order["uses"], order["reuse_price_micros"], order["remedy"]) == (2, 15_000, "make_good")
    path = f"/orders/{order['code']}"
    assert client.get(f"{path}/availability", headers=headers).get_json()["free"] == 120_000
    assert client.post(f"{path}/option", headers=headers).get_json()["held_until"] is not None
    assert [use["state"] for use in client.get(f"{path}/uses", headers=headers).get_json()["items"]] == ["open"]
    assert client.post(f"{path}/uses", json={"send_on": "2028-06-01"}, headers=headers).status_code == 409
    assert client.get(f"{path}/forecast", headers=headers).get_json()["code"] == "no_forecast"
    assert client.post(f"{path}/credit", headers=headers).status_code == 409
    assert client.post("/quotes", json={**body, "discount_bp": 5_000}, headers=headers).status_code == 422
    advertiser = house.people["advertiser"].org_code
    broker = house.program("broker")
    limit = client.put(f"/advertisers/{advertiser}/credit", json={"limit_cents": 70_000}, headers=broker)
    assert limit.get_json()["limit_cents"] == 70_000
    assert client.get("/credit", headers=headers).get_json()["left_cents"] == 0
    forged = client.put(f"/advertisers/{advertiser}/credit", json={"limit_cents": 1}, headers=headers)
    assert forged.status_code == 403
    assert client.get(path, headers=house.program("stranger")).status_code == 404


@pytest.mark.parametrize(
    ("volume", "sentence"),
    [("4000", "5\u202f000"), ("120100", "120\u202f000"), ("10050", "un multiple de 100 noms, par exemple 10\u202f000")],
)
def test_a_refusal_names_its_figures_in_french_too(house: House, card: str, volume: str, sentence: str) -> None:
    client, token = house.browser("advertiser")
    client.get("/?lang=fr")
    reply = client.post(f"/catalogue/{card}/quote", data={"csrf_token": token, "volume": volume})
    assert sentence in reply.get_data(as_text=True)


def test_a_quote_is_dropped_with_a_reason_on_its_page(house: House, card: str) -> None:
    _, code = asked(house, card)
    assert "Drop the quote" in page(house, "advertiser", f"/orders/{code}")
    client, token = house.browser("advertiser")
    reply = client.post(f"/orders/{code}/cancel", data={"csrf_token": token, "reason": "Too early in the year"})
    assert reply.headers["Location"].endswith("done=cancelled")
    shown = page(house, "advertiser", f"/orders/{code}")
    assert "Too early in the year" in shown
    assert "Drop the quote" not in shown
