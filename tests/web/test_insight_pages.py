"""The pages of insight over a base that was really studied, and over one without purchases."""

from __future__ import annotations

import re
import secrets

import pytest
from sqlalchemy import Engine

from broker.bases.create_base import create_base
from broker.insight.find_customer import look_up_customer
from broker.kernel.database import Database
from broker.vault.blind_index import reference_keys
from broker.vault.keyring import load_worker
from tests.front_house import House
from tests.store.insight_scene import House as Studied
from tests.store.insight_scene import furnish_house

PAGES = ("", "/value", "/score", "/potential", "/affinity", "/events", "/shops", "/customer", "/progress")


@pytest.fixture(scope="module")
def studied(house: House, worker_engine: Engine) -> Studied:
    worker = load_worker(house.front.settings.key_dir)
    owner = house.people["owner"].actor
    base = furnish_house(Database(worker_engine), house.front.database, worker, house.front.settings, owner)
    base.study()
    return base


def test_every_page_shows_figures_in_both_languages_and_nothing_unfinished(house: House, studied: Studied) -> None:
    client, _ = house.browser("owner")
    for language in ("en", "fr"):
        for page in PAGES:
            reply = client.get(f"/bases/{studied.code}/insight{page}?lang={language}")
            assert reply.status_code == 200, page
            assert "None" not in re.sub(r"<[^>]*>", "", reply.text), page
    assert "Boutique 0" in client.get(f"/bases/{studied.code}/insight/shops").text


def test_pages_of_a_base_without_purchases_say_what_to_do(house: House) -> None:
    client, _ = house.browser("owner")
    with house.front.database.begin(house.people["owner"].actor) as unit:
        code = create_base(unit, f"empty-{secrets.token_hex(4)}", "Empty", "home", "b2c").code
    for page in PAGES:
        assert client.get(f"/bases/{code}/insight{page}?lang=en").status_code == 200, page
    assert "Upload purchases" in client.get(f"/bases/{code}/insight?lang=en").text
    stranger, _ = house.browser("stranger")
    assert stranger.get(f"/bases/{code}/insight").status_code == 404
    advertiser, _ = house.browser("advertiser")
    assert advertiser.get(f"/bases/{code}/insight").status_code == 403


def test_what_an_owner_saves_makes_a_new_version_and_what_makes_no_sense_is_refused_in_place(
    house: House, studied: Studied
) -> None:
    client, csrf = house.browser("owner")
    place = f"/bases/{studied.code}/insight"
    card = {"form_token": csrf, "name": ["Paris", ""], "rule": ["department = 75", ""], "points": ["10", ""]}
    token = re.search(r'name="([^"]+)" value="' + re.escape(csrf), client.get(f"{place}/score?lang=en").text)
    assert token is not None
    card[token[1]] = csrf
    assert client.post(f"{place}/score", data=card).status_code == 303
    wrong = client.post(f"{place}/score", data={**card, "rule": ["departement = 75", ""]})
    assert wrong.status_code == 422
    assert "departement" in wrong.text
    assert "department" in wrong.text
    assert "being studied" in client.get(f"{place}/score?lang=en").text
    for page, form in (
        ("value", {"method": "amount", "revenue_large": "10", "revenue_medium": "20"}),
        ("classes", {"bins": "3", "frequency": "5; 2", "name": [], "low_r": []}),
        ("potential", {"horizon_days": "soon"}),
        ("shops", {"shop": "Boutique 0", "postcode": "Lyon"}),
        ("events", {"field": "hair_colour", "name": "x", "days_before": "3"}),
    ):
        assert client.post(f"{place}/{page}", data={**form, token[1]: csrf}).status_code == 422, page
    event = {"field": "last_bought_bagues", "name": "A ring, a year ago", "days_before": "14", token[1]: csrf}
    assert client.post(f"{place}/events", data=event).status_code == 303
    assert "last_bought_bagues_anniversary &lt;= 14" in client.get(f"{place}/events?lang=en").text
    around = client.get(f"{place}/around?postcode=69001&km=10")
    assert "within" in around.headers["Location"]


def test_one_customer_is_shown_by_its_reference_once_a_worker_has_looked(
    house: House, studied: Studied, worker_engine: Engine
) -> None:
    worker, who = load_worker(house.front.settings.key_dir), studied.start + 3
    with studied.database.begin() as unit:
        (key,) = reference_keys(worker, studied.base_id, ["R-3"])
        version = worker.pepper_version
        unit.run(
            "UPDATE contact SET reference_key = :key, pepper_version = :version WHERE id = :id",
            key=key,
            version=version,
            id=who,
        )
    client, csrf = house.browser("owner")
    place = f"/bases/{studied.code}/insight/customer"
    token = re.search(r'name="([^"]+)" value="' + re.escape(csrf), client.get(f"{place}?lang=en").text)
    assert token is not None
    asked = client.post(place, data={"reference": "R-3", token[1]: csrf})
    assert "R-3" not in asked.headers["Location"]
    assert "A worker is looking" in client.get(asked.headers["Location"]).text
    with studied.database.begin() as unit:
        lookup_id = unit.scalar("SELECT max(id) FROM customer_lookup WHERE base_id = :id", id=studied.base_id)
    look_up_customer(Database(worker_engine), worker, house.front.settings, lookup_id)
    shown = client.get(asked.headers["Location"]).text
    assert "Timeline" in shown
    assert "Boutique" in shown
    stranger, _ = house.browser("stranger")
    assert stranger.get(asked.headers["Location"]).status_code == 404
