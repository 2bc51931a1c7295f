"""The catalogue's pages: search with facets, sheet, comparison, desk, suppression files, programmes."""

from __future__ import annotations

import io
import json
import secrets

import pytest
from sqlalchemy import Engine

from broker.kernel.database import Database
from tests.front_house import House


@pytest.fixture
def card(house: House, worker_engine: Engine) -> str:
    """A published card whose figures are written by hand: these tests look at pages."""
    code, mark = f"card_{secrets.token_hex(5)}", secrets.token_hex(4)
    profile = {
        "gender": [{"value": "F", "share": 64}, {"value": "M", "share": 36}],
        "age": [{"value": "25-34", "share": None}, {"value": "35-44", "share": 100}],
        "region": [{"value": "Bretagne", "share": 70}, {"value": "Corse", "share": None}],
    }
    tables = {"age|gender": {"rows": ["25-34", "35-44"], "columns": ["F", "M"], "shares": [[None, None], [60, 40]]}}
    with Database(worker_engine).begin() as unit:
        org = house.people["owner"].actor.org_id
        base = unit.scalar(
            "INSERT INTO base (org_id, code, name) VALUES (:org, :code, 'b') RETURNING id", org=org, code=f"b-{mark}"
        )
        snapshot = unit.scalar(
            "INSERT INTO snapshot (base_id, number, file_name, sha256, rows, rentable, columns)"
            " VALUES (:base, 1, 'f', '', 0, 0, '[]') RETURNING id",
            base=base,
        )
        segment = unit.scalar(
            "INSERT INTO segment (code, base_id, org_id, name, rule_text, rule)"
            " VALUES (:code, :base, :org, 's', 'all', '{\"op\": \"all\"}') RETURNING id",
            code=f"seg_{mark}",
            base=base,
            org=org,
        )
        unit.run(
            "INSERT INTO data_card (code, org_id, base_id, segment_id, snapshot_id, title, description, sector,"
            " size_shown, base_price_micros, minimum_order, selects, profile, tables, refused_sectors, clicks_bp)"
            " VALUES (:code, :org, :base, :segment, :snapshot, 'Jardins du dimanche', 'Des gens qui jardinent', 'home',"
            " 120300, 25000, 5000, CAST(:selects AS jsonb), CAST(:profile AS jsonb), CAST(:tables AS jsonb),"
            " '{travel}', 235)",
            code=code,
            org=org,
            base=base,
            segment=segment,
            snapshot=snapshot,
            selects=json.dumps([{"field": "age", "label": "age", "surcharge_micros": 2_000}]),
            profile=json.dumps(profile),
            tables=json.dumps(tables),
        )
    return code


def test_a_card_is_found_by_facets_seen_compared_and_put_on_the_desk(house: House, card: str) -> None:
    client, _ = house.browser("advertiser")
    found = client.get("/catalogue?q=jardin&sector=home&region=Bretagne&size=2&sort=price")
    assert found.status_code == 200
    assert card in found.text
    assert 'class="step-5' in found.text
    sheet = client.get(f"/catalogue/{card}").text
    assert "120,300" in sheet
    assert "hidden" in sheet
    assert "2.35" in sheet
    assert "Jardins du dimanche" in client.get(f"/catalogue/compare?card={card}&card=card_gone").text
    desk = client.get(f"/desk?card={card}&card=card_gone").text
    assert "no longer published" in desk
    assert "Jardins du dimanche" in desk
    for empty in ("/desk", "/catalogue/compare", "/catalogue?q=xylophones", "/suppression-files", "/programmes"):
        assert client.get(empty).status_code == 200


def test_a_suppression_file_is_sent_and_removed(house: House) -> None:
    client, token = house.browser("advertiser")
    form = {"csrf_token": token, "name": "Our customers"}
    form |= {"file": (io.BytesIO(b"a@b.test\n"), "ours.csv")}  # type: ignore[dict-item]
    sent = client.post("/suppression-files", data=form, content_type="multipart/form-data")
    assert sent.status_code == 303, sent.text[sent.text.find("data-refusal") :][:300]
    assert "Our customers" in client.get("/suppression-files").text


def test_owners_and_the_broker_reach_their_pages(house: House, card: str) -> None:
    owner, _ = house.browser("owner")
    assert "Terms" in owner.get(f"/cards/{card}").text
    assert owner.get("/programmes?model=cpc").status_code == 200
    assert owner.get("/desk").status_code in (403, 404)
    broker, _ = house.browser("broker")
    assert broker.get(f"/catalogue/{card}").status_code == 200
    advertiser, _ = house.browser("advertiser")
    assert "Or for each click" in advertiser.get("/programmes/new").text
