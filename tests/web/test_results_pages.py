"""Results and objections by page, API and file, each for the one who may read them."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from broker.kernel.database import Database
from tests.front_house import House


@pytest.fixture
def results(house: House, worker_engine: Engine) -> None:
    """Two results of the owner, one hash for the advertiser."""
    owner, advertiser = (house.people[who].actor.org_id for who in ("owner", "advertiser"))
    with Database(worker_engine).begin() as unit:
        base = unit.scalar(
            "INSERT INTO base (org_id, code, name) VALUES (:org, 'b-' || gen_random_uuid(), 'Boutique') RETURNING id",
            org=owner,
        )
        for number, kind, detail in ((1, "left", "base"), (2, "bounced", "hard user_unknown 5.1.1")):
            unit.run(
                "INSERT INTO owner_result (org_id, base_id, contact_id, kind, detail, reference, at)"
                " VALUES (:org, :base, :contact, :kind, :detail, '=C-' || :contact, app_now())",
                org=owner,
                base=base,
                contact=number,
                kind=kind,
                detail=detail,
            )
        unit.run(
            "INSERT INTO objection_hash (org_id, sha256, md5, at) VALUES (:org, sha256('x'), decode(md5('x'), 'hex'),"
            " app_now()) ON CONFLICT DO NOTHING",
            org=advertiser,
        )


def test_an_owner_reads_results_as_page_file_and_feed(house: House, results: None) -> None:
    browser, _ = house.browser("owner")
    page = browser.get("/results").text
    assert "=C-1" in page
    assert "Boutique" in page
    lines = browser.get("/results.csv?kind=left").text.splitlines()
    assert lines[0] == "\ufeffid;at;base;mailing;kind;reference;detail"
    assert lines[1].endswith(";left;'=C-1;base")
    api = house.api.test_client()
    first = api.get("/results?most=1", headers=house.program("owner")).json["items"]
    rest = api.get(f"/results?after={first[0]['id']}", headers=house.program("owner")).json["items"]
    assert [one["reference"] for one in first + rest][:2] == ["=C-1", "=C-2"]
    assert api.get("/results/sums", headers=house.program("owner")).json["items"][0]["left"] == 1


def test_an_advertiser_takes_its_objections_and_no_results(house: House, results: None) -> None:
    browser, _ = house.browser("advertiser")
    assert "9dd4e461268c8034f5c8564e155c67a6" in browser.get("/objections.csv").text
    assert browser.get("/results").status_code in (403, 404)
    api = house.api.test_client()
    assert api.get("/objections", headers=house.program("advertiser")).json["items"][0]["md5"]
    for path in ("/results", "/results/sums", "/results.csv"):
        assert api.get(path, headers=house.program("advertiser")).status_code == 403
    for path in ("/objections", "/objections.csv"):
        assert api.get(path, headers=house.program("owner")).status_code == 403


def test_another_owner_reads_nothing(house: House, results: None) -> None:
    api = house.api.test_client()
    assert api.get("/results", headers=house.program("stranger")).json == {"items": []}
    browser, _ = house.browser("stranger")
    assert "=C-1" not in browser.get("/results").text
