"""Calls about segments: exact figures are the owner's alone; the shapes of comparisons, days and suggestions."""

from __future__ import annotations

import pytest

from tests.front_house import House


@pytest.fixture(scope="module")
def base(house: House) -> str:
    """A base of the owner without contacts."""
    new = {"code": "api-exact", "name": "Exact"}
    reply = house.api.test_client().post("/bases", json=new, headers=house.program("owner"))
    assert reply.status_code == 201
    return "api-exact"


@pytest.mark.parametrize("who", ["broker", "accountant"])
def test_staff_gets_no_exact_figure_of_an_owners_base(house: House, base: str, who: str) -> None:
    client = house.api.test_client()
    counted = client.post(f"/bases/{base}/count", json={"rule": "all"}, headers=house.program(who))
    suggested = client.get(f"/bases/{base}/suggestions", headers=house.program(who))
    assert [counted.status_code, suggested.status_code] == [403, 403]


def test_an_empty_base_is_told_in_a_sentence(house: House, base: str) -> None:
    reply = house.api.test_client().post(
        f"/bases/{base}/count", json={"rule": "all", "send_on": "2027-01-31"}, headers=house.program("owner")
    )
    assert (reply.status_code, reply.get_json()["code"]) == (409, "no_snapshot")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"segments": ["one"]}, 422),
        ({"segments": ["one"] * 9}, 422),
        ({"segments": ["one", "one"]}, 422),
        ({"segments": ["one", "two"], "send_on": "tomorrow"}, 422),
        ({"segments": ["one", "two"]}, 404),
    ],
)
def test_comparisons_are_of_two_to_eight_known_segments(house: House, body: dict[str, object], status: int) -> None:
    reply = house.api.test_client().post("/segments/compare", json=body, headers=house.program("owner"))
    assert reply.status_code == status, reply.text


def test_an_unknown_target_is_refused(house: House, base: str) -> None:
    reply = house.api.test_client().get(f"/bases/{base}/suggestions?target=sold", headers=house.program("owner"))
    assert reply.status_code == 422


def test_a_card_stands_on_the_desk_once(house: House) -> None:
    cards = [{"card": "card_one", "select_rule": ""}, {"card": "card_one", "select_rule": "gender = F"}]
    reply = house.api.test_client().post("/desk/count", json={"cards": cards}, headers=house.program("advertiser"))
    assert (reply.status_code, reply.get_json()["code"]) == (422, "same_card")
