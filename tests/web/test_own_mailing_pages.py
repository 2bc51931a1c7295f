"""The guided way to an own mailing, its page, caps, control addresses and leaks, as an owner walks it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from broker.kernel.database import Database
from broker.mailings.own.run import run_own_mailing
from broker.vault.keyring import load_worker
from tests.front_house import House
from tests.web.segment_house import SegmentHouse, furnish


@pytest.fixture(scope="module")
def segments(house: House, worker_engine: Engine, scratch: Path) -> SegmentHouse:
    return furnish(house, worker_engine, scratch, "own-pages", 300)


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html))


class Walk:
    """A browser of the owner that posts with its token."""

    def __init__(self, segments: SegmentHouse, who: str = "owner") -> None:
        self.client: FlaskClient
        self.client, self.token = segments.browser(who)

    def get(self, address: str) -> str:
        glue = "&" if "?" in address else "?"
        for language in ("fr", "en"):
            reply = self.client.get(f"{address}{glue}lang={language}", follow_redirects=True)
            assert (reply.status_code, reply.mimetype) == (200, "text/html"), address
            assert "None" not in words(reply.text), address
        return reply.text

    def post(self, place: str, expected: int = 303, /, **form: Any) -> str:
        reply = self.client.post(place, data={"csrf_token": self.token, **form})
        assert reply.status_code == expected, words(reply.text)[-1500:]
        return reply.location.partition("?")[0] if expected == 303 else reply.text


def message(walk: Walk, name: str) -> str:
    """A signed message of the owner's."""
    form = {"name": name, "subject": f"Subject {name}", "from_name": "House", "language": "en"}
    address = walk.post("/creatives", **form, html="<p>Hello {{first_name|you}}, {{suggestion_1|something new}}.</p>")
    walk.post(f"{address}/sign")
    return address.rpartition("/")[2]


def test_an_owner_goes_from_a_finding_to_a_mailing_on_its_way(segments: SegmentHouse, worker_engine: Engine) -> None:
    walk = Walk(segments)
    assert "No own mailing yet" in walk.get("/own-mailings")
    new = walk.get(f"/own-mailings/new?base={segments.base_code}&rule=gender+%3D+F&name=Women+and+rings&goal=loyalty")
    assert "gender = F" in words(new)
    finding = {"base": segments.base_code, "name": "Women and rings", "goal": "loyalty", "rule": "gender = F"}
    place = walk.post("/own-mailings", **finding).removesuffix("/segments")
    assert "Women and rings" in walk.get(f"{place}/segments")
    walk.post(f"{place}/segments", add="1", segment="")
    refused = walk.post(f"{place}/segments", 422, legal_basis="either", likeness="x" * 1_001)
    assert "1. Women and rings" in words(refused)
    walk.post(f"{place}/segments", legal_basis="either", likeness="Jewels like those they bought", next="1")
    assert "Everybody else" in walk.get(f"{place}/messages")
    walk.post(f"{place}/messages", creative=[message(walk, "A"), message(walk, "B")], category="rings")
    walk.get(f"{place}/timing")
    walk.post(f"{place}/timing", 422, schedule="once", held_out="60", window_days="30")
    walk.post(f"{place}/timing", schedule="once", held_out="10", window_days="30", cost="25,50", cost_thousand="1")
    review = words(walk.get(f"{place}/review"))
    assert "outside the legal basis" in review
    assert walk.post(f"{place}/plan", keep_the_day="1") == place
    settings = segments.house.front.settings
    with segments.worker.begin() as unit:
        own = unit.scalar("SELECT id FROM own_mailing WHERE code = :code", code=place.rpartition("/")[2])
    keys = load_worker(settings.key_dir)
    run_own_mailing(Database(worker_engine), keys, settings, own)
    shown = words(walk.get(place))
    assert "Nothing has left yet" in shown
    assert "Women and rings" in shown
    walk.post(f"{place}/costs", window_days="14", cost="30", cost_thousand="")
    assert "Women and rings" in words(walk.get("/own-mailings"))
    stranger, _ = segments.browser("stranger")
    assert stranger.get(place).status_code == 404
    assert segments.browser("advertiser")[0].get("/own-mailings").status_code == 403


def test_a_standing_mailing_is_paused_goes_on_and_stops(segments: SegmentHouse) -> None:
    walk = Walk(segments)
    event = {"base": segments.base_code, "name": "Birthdays", "goal": "loyalty", "event": "birthday:birth_date"}
    place = walk.post("/own-mailings", **event, days="3").removesuffix("/segments")
    assert "Everybody else" in walk.get(f"{place}/segments")
    walk.post(f"{place}/plan", 409)
    walk.post(f"{place}/segments", legal_basis="consent", likeness="")
    walk.post(f"{place}/messages", creative=[message(walk, "C")], category="rings")
    timing = walk.get(f"{place}/timing")
    assert "Days without a purchase" in words(timing)
    form = {"schedule": "daily", "event": "birthday:birth_date", "event_days": "3", "send_hour": "10"}
    walk.post(f"{place}/timing", **form, held_out="0", window_days="30")
    assert "each day at 10" in words(walk.get(f"{place}/review"))
    walk.post(f"{place}/plan")
    for verb, word in (("pause", "paused"), ("resume", "on its way")):
        walk.post(f"{place}/{verb}")
        assert word in words(walk.get(place))
    walk.post(f"{place}/cancel")
    walk.post(f"{place}/resume", 409)


def test_caps_are_set_within_the_platforms_and_a_free_day_is_found(segments: SegmentHouse) -> None:
    walk = Walk(segments)
    place = f"/bases/{segments.base_code}/pressure"
    assert "Save a segment first" in words(walk.get(place)) or "Find a free day" in words(walk.get(place))
    walk.post(place, 422, per_week="9")
    walk.post(place, per_week="2", advertiser_month="1", own_counts="1")
    assert 'value="2"' in walk.get(place)
    client, token = segments.browser()
    saved = client.post(
        f"/bases/{segments.base_code}/segments",
        data={"csrf_token": token, "name": "Men", "rule": "gender = M"},
    )
    code = saved.location.rpartition("/")[2].partition("?")[0]
    assert "Next free window" in words(walk.get(f"{place}?segment={code}"))
    assert client.get(f"{place}?segment={code}&day=2001-01-01").status_code == 200
    assert client.get(f"{place}?segment=seg_none").status_code == 404
    assert client.get(f"{place}?mail=nothing").status_code == 200


def test_control_addresses_are_added_and_ended_and_leaks_have_a_page(segments: SegmentHouse) -> None:
    walk = Walk(segments)
    walk.post("/control-addresses", 422, style="plus", address="nobody")
    walk.post("/control-addresses", style="house", address="")
    page = walk.get("/control-addresses")
    code = re.search(r"/control-addresses/([a-z0-9_]+)/end", page)
    assert code is not None
    assert "No leak" in walk.get("/leaks")
    walk.post(f"/control-addresses/{code[1]}/end")
    walk.post(f"/control-addresses/{code[1]}/end", 404)
    assert segments.browser("advertiser")[0].get("/control-addresses").status_code == 200
    assert segments.browser("broker")[0].get("/leaks").status_code == 200
    assert segments.browser("advertiser")[0].get("/leaks").status_code == 403
