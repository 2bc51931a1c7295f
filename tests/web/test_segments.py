"""Pages of segments: the rule endpoint, the list, changes, the archive, overlap."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.front_house import House
from tests.web.segment_house import SegmentHouse, furnish

pytestmark = pytest.mark.usefixtures("segments")


@pytest.fixture(scope="module")
def segments(house: House, worker_engine: Engine, scratch: Path) -> SegmentHouse:
    return furnish(house, worker_engine, scratch, "segment-pages", 600)


def explained(segments: SegmentHouse, **asked: object) -> dict[str, object]:
    client, token = segments.browser()
    reply = client.post(
        f"/bases/{segments.base_code}/rule", json=asked, headers={"X-CSRF-Token": token, "Accept-Language": "en"}
    )
    assert reply.status_code == 200
    told: dict[str, object] = reply.get_json()
    return told


def save(segments: SegmentHouse, name: str, rule: str) -> str:
    client, token = segments.browser()
    form = {"csrf_token": token, "name": name, "rule": rule}
    reply = client.post(f"/bases/{segments.base_code}/segments", data=form)
    assert reply.status_code == 303, reply.get_data(as_text=True)[-3000:]
    return reply.location.split("/segments/")[1].partition("?")[0]


def test_text_and_tree_are_each_other(segments: SegmentHouse) -> None:
    text = "gender = F and (income >= 2000 or hair_colour not in (grey, brown))"
    told = explained(segments, rule=text)
    assert told["faults"] == []
    again = explained(segments, tree=told["tree"])
    assert again["text"] == text
    assert again["tree"] == told["tree"]


def test_faults_stand_at_their_terms_with_the_nearest_field_to_click(segments: SegmentHouse) -> None:
    told = explained(segments, rule="gender = F and incme > 3 and age = old")
    first, second = told["faults"]  # type: ignore[misc]
    assert (first["term"], first["code"], first["position"]) == (1, "unknown_field", 16)
    assert first["fixes"][0]["field"]["name"] == "income"
    assert (second["term"], second["code"]) == (2, "wrong_type")


def test_an_unreadable_text_tells_the_place_and_keeps_the_text(segments: SegmentHouse) -> None:
    told = explained(segments, rule="gender = ")
    assert told["tree"] is None
    assert told["text"] == "gender = "
    assert told["faults"][0]["position"] == 10  # type: ignore[index]


def test_a_forbidden_criterion_is_a_fault_of_its_term(segments: SegmentHouse) -> None:
    told = explained(segments, rule="gender = F and hair_colour = catholique")
    assert [(fault["term"], fault["code"]) for fault in told["faults"]] == [(1, "sensitive_rule")]  # type: ignore[attr-defined]


def test_every_branch_is_counted_beside_the_whole(segments: SegmentHouse) -> None:
    client, token = segments.browser()
    women, grey = {"op": "=", "field": "gender", "value": "F"}, {"op": "=", "field": "hair_colour", "value": "grey"}
    asked = {"rule": "gender = F and hair_colour = grey", "branches": [women, grey, {"op": "nonsense"}]}
    reply = client.post(f"/bases/{segments.base_code}/rule/count", json=asked, headers={"X-CSRF-Token": token})
    assert reply.status_code == 200
    page = reply.get_data(as_text=True)
    figures = [segments.people("gender = F"), segments.people("hair_colour = grey")]
    assert f"[{figures[0]}, {figures[1]}, null]" in page.replace("&#34;", '"')


def test_the_owner_sees_its_own_values_and_ranges(segments: SegmentHouse) -> None:
    client, _ = segments.browser()
    address = f"/bases/{segments.base_code}/values"
    colours = client.get(address, query_string={"field": "hair_colour", "like": "GR"}).get_json()["values"]
    assert [one["value"] for one in colours] == ["grey"]
    assert colours[0]["count"] == segments.people("hair_colour = grey")
    incomes = client.get(address, query_string={"field": "income"}).get_json()
    assert (incomes["low"], incomes["high"]) == (1500, 3000)
    tags = client.get(address, query_string={"field": "interests", "like": "go"}).get_json()["values"]
    assert tags[0]["value"] == "golf"
    assert tags[0]["count"] == segments.people("interests has golf")


def test_fields_are_found_by_words_with_how_well_they_are_filled(segments: SegmentHouse) -> None:
    client, _ = segments.browser()
    groups = client.get(f"/bases/{segments.base_code}/fields?like=hair&lang=en").get_json()["groups"]
    found = [field for group in groups for field in group["fields"]]
    assert [field["name"] for field in found] == ["hair_colour"]
    assert "% known" in found[0]["small"]


def test_a_stranger_finds_nothing_of_it(segments: SegmentHouse) -> None:
    code = save(segments, "Mine", "all")
    client, token = segments.browser("stranger")
    headers = {"X-CSRF-Token": token}
    base = f"/bases/{segments.base_code}"
    for address in (f"{base}/segments", f"{base}/fields", f"{base}/values?field=income", f"/segments/{code}"):
        assert client.get(address).status_code == 404, address
    for address in (f"{base}/rule", f"{base}/rule/count"):
        assert client.post(address, json={"rule": "all"}, headers=headers).status_code == 404, address
    for step in ("count", "profile", "duplicate", "archive", "restore"):
        assert client.post(f"/segments/{code}/{step}", headers=headers).status_code == 404, step


def test_a_rule_changes_until_a_card_rests_on_it(segments: SegmentHouse) -> None:
    code = save(segments, "Changing", "gender = F")
    client, token = segments.browser()
    form = {"csrf_token": token, "name": "Changed", "rule": "gender = M"}
    assert client.post(f"/segments/{code}", data=form).status_code == 303
    page = client.get(f"/segments/{code}?lang=en").get_data(as_text=True)
    assert "gender = M" in page
    assert "gender = F" in page  # in the history
    assert "renamed" in page
    with segments.worker.begin() as unit:
        unit.run(
            "INSERT INTO data_card (code, org_id, base_id, segment_id, snapshot_id, title, sector, size_shown,"
            " base_price_micros, minimum_order) SELECT 'c-' || s.code, s.org_id, s.base_id, s.id,"
            " b.current_snapshot_id, 'A card', 'home', 1, 1, 1 FROM segment s JOIN base b ON b.id = s.base_id"
            " WHERE s.code = :code",
            code=code,
        )
    reply = client.post(f"/segments/{code}?lang=en", data={**form, "rule": "all"})
    assert reply.status_code == 409
    assert "Duplicate the segment" in reply.get_data(as_text=True)
    reply = client.post(f"/segments/{code}/archive?lang=en", data={"csrf_token": token})
    assert reply.status_code == 409
    assert "A card" in reply.get_data(as_text=True)
    copy = client.post(f"/segments/{code}/duplicate", data={"csrf_token": token})
    assert copy.status_code == 303
    assert client.get(copy.location).status_code == 200


def test_a_segment_that_another_names_stays_out_of_the_archive(segments: SegmentHouse) -> None:
    inner = save(segments, "Inner circle", "gender = F")
    outer = save(segments, "Outer circle", 'segment "Inner circle" and income >= 2000')
    client, token = segments.browser()
    own = {"csrf_token": token}
    assert client.post(f"/segments/{inner}/archive", data=own).status_code == 409
    circle = client.post(f"/segments/{inner}?lang=en", data={**own, "name": "Inner circle", "rule": f"segment {outer}"})
    assert circle.status_code == 422
    assert client.post(f"/segments/{outer}/archive", data=own).status_code == 303
    assert client.post(f"/segments/{inner}/archive", data=own).status_code == 303
    away = client.get(f"/bases/{segments.base_code}/segments?archived=1").get_data(as_text=True)
    assert "Inner circle" in away
    assert client.post(f"/segments/{inner}/restore", data=own).status_code == 303


def test_a_count_is_remembered_for_the_list(segments: SegmentHouse) -> None:
    code = save(segments, "Remembered", "gender = F")
    client, token = segments.browser()
    reply = client.post(f"/segments/{code}/count?lang=en", data={"csrf_token": token})
    assert "no complete consent proof" in reply.get_data(as_text=True)
    page = client.get(f"/bases/{segments.base_code}/segments?lang=en").get_data(as_text=True)
    assert f'data-label="People">{segments.people("gender = F")}<' in page


def test_overlap_adds_up(segments: SegmentHouse) -> None:
    one, two = save(segments, "Women here", "gender = F"), save(segments, "Grey here", "hair_colour = grey")
    client, _ = segments.browser()
    page = client.get(f"/bases/{segments.base_code}/segments/overlap?s={one}&s={two}&lang=en").get_data(as_text=True)
    both = segments.rentable("gender = F and hair_colour = grey")
    union = segments.rentable("gender = F or hair_colour = grey")
    assert union < segments.people("gender = F or hair_colour = grey")  # exclusions are taken out
    assert f"<dd>{union}</dd>" in page
    assert f">{both}<small>" in page


def test_the_archive_is_no_part_of_lists(segments: SegmentHouse) -> None:
    kept, away = save(segments, "Kept in use", "gender = F"), save(segments, "Put out of use", "gender = M")
    client, token = segments.browser()
    assert client.post(f"/segments/{away}/archive", data={"csrf_token": token}).status_code == 303
    overview = client.get(f"/bases/{segments.base_code}").get_data(as_text=True)
    assert "Kept in use" in overview
    assert "Put out of use" not in overview
    api, key = segments.house.api.test_client(), segments.house.program("owner")
    address = f"/bases/{segments.base_code}/segments"
    shown = {row["code"] for row in api.get(address, headers=key).get_json()["items"]}
    put_away = {row["code"] for row in api.get(f"{address}?archived=true", headers=key).get_json()["items"]}
    assert (kept in shown, away in shown, kept in put_away, away in put_away) == (True, False, False, True)


def test_the_editor_tells_the_floor_of_the_bases_kind(segments: SegmentHouse) -> None:
    client, token = segments.browser()
    address, headers = f"/bases/{segments.base_code}/rule/count?lang=en", {"X-CSRF-Token": token}

    def floor_told() -> str:
        return client.post(address, json={"rule": "gender = F"}, headers=headers).get_data(as_text=True)

    disclosure = segments.house.front.settings.disclosure
    assert f"{disclosure.publication_floor_b2c:,} for a data card" in floor_told()
    with segments.worker.begin() as unit:
        unit.run("UPDATE base SET contact_kind = 'b2b' WHERE id = :id", id=segments.base_id)
    try:
        assert f"{disclosure.publication_floor_b2b:,}" in floor_told()
    finally:
        with segments.worker.begin() as unit:
            unit.run("UPDATE base SET contact_kind = 'b2c' WHERE id = :id", id=segments.base_id)


def test_without_scripts_the_form_counts_and_saves(segments: SegmentHouse) -> None:
    client, token = segments.browser()
    form = {"csrf_token": token, "name": "Plain", "rule": "gender = F", "do": "count"}
    reply = client.post(f"/bases/{segments.base_code}/segments?lang=en", data=form)
    assert reply.status_code == 200
    assert f"<dd>{segments.people('gender = F')}</dd>" in reply.get_data(as_text=True)


def test_the_profile_shows_the_segment_beside_the_base(segments: SegmentHouse) -> None:
    code = save(segments, "Profiled", "gender = F")
    client, token = segments.browser()
    page = client.post(f"/segments/{code}/profile?lang=en", data={"csrf_token": token}).get_data(as_text=True)
    assert "women" in page
    assert "100%" in page


def test_the_broker_compares_segments_of_all_bases_in_guarded_figures(segments: SegmentHouse) -> None:
    one, two = save(segments, "Broker looks here", "gender = F"), save(segments, "And here", "hair_colour = grey")
    client, _ = segments.browser("broker")
    assert "Broker looks here" in client.get("/overlaps?lang=en").get_data(as_text=True)
    page = client.get(f"/overlaps?s={one}&s={two}&lang=en").get_data(as_text=True)
    least = segments.house.front.settings.disclosure.smallest_count
    assert page.count(f"fewer than {least:,}") == 4  # 600 people: the union, both segments, the pair
    owner, _ = segments.browser()
    assert owner.get("/overlaps").status_code == 403


def test_too_many_segments_are_refused_in_a_sentence(segments: SegmentHouse) -> None:
    client, _ = segments.browser()
    chosen = "&".join(f"s=seg_{number}" for number in range(7))
    page = client.get(f"/bases/{segments.base_code}/segments/overlap?{chosen}&lang=en").get_data(as_text=True)
    assert 'role="alert"' in page


def test_a_rule_of_five_hundred_terms_is_counted_and_saved(segments: SegmentHouse) -> None:
    rule = " or ".join(
        f"(age = {20 + place % 50} and postcode starts with {place % 95 + 1:02d})" for place in range(250)
    )
    api, key = segments.house.api.test_client(), segments.house.program("owner")
    counted = api.post(f"/bases/{segments.base_code}/count", json={"rule": rule}, headers=key)
    assert (counted.status_code, counted.get_json()["count"]) == (200, segments.people(rule))
    saved = api.post(f"/bases/{segments.base_code}/segments", json={"name": "Long", "rule": rule}, headers=key)
    assert saved.status_code == 201
    assert segments.browser()[0].get(f"/segments/{saved.get_json()['code']}/edit").status_code == 200
