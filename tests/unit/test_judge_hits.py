"""Person or machine."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.feedback.judge_hits import BURST, HUMAN, judge_hits
from broker.feedback.model import Hit, Manner
from broker.feedback.network_ranges import RANGES, is_datacentre

SENT = datetime(2026, 11, 3, 9, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0 Safari/537.36"
VISIBLE, HIDDEN = frozenset({1, 2, 3}), frozenset({0})


def hit(number: int, link: int, after: float, agent: str = BROWSER, manner: Manner = "get") -> Hit:
    return Hit(number, 1, link, SENT + timedelta(seconds=after), SENT, agent, manner)


def judged(*hits: Hit, visible: frozenset[int] = VISIBLE) -> list[str]:
    verdicts = judge_hits(hits, visible, HIDDEN)
    return [verdicts[one.id].reason for one in hits]


@given(st.floats(2, 10**6), st.sampled_from(sorted(VISIBLE)))
def test_one_click_of_a_browser_is_a_person(after: float, link: int) -> None:
    assert judge_hits([hit(1, link, after)], VISIBLE, HIDDEN) == {1: HUMAN}


def test_a_person_who_opens_two_links_at_once_stays_a_person() -> None:
    assert judged(hit(1, 1, 60), hit(2, 2, 60.1)) == ["", ""]


def test_all_links_within_seconds_are_a_machine_and_over_minutes_a_person() -> None:
    assert judged(hit(1, 1, 60), hit(2, 2, 63), hit(3, 3, 66)) == ["all_links_at_once"] * 3
    assert judged(hit(1, 1, 60), hit(2, 2, 200), hit(3, 3, 400)) == [""] * 3


def test_where_a_mail_has_two_links_both_at_once_may_be_a_person() -> None:
    assert judged(hit(1, 1, 60), hit(2, 2, 60.1), visible=frozenset({1, 2})) == ["", ""]


def test_the_hidden_link_tells_its_whole_visit_and_spares_the_person_who_comes_later() -> None:
    other = BROWSER.replace("Windows NT 10.0", "X11; Linux x86_64")
    hits = (hit(1, 0, 5), hit(2, 1, 6), hit(3, 2, 30, agent=other), hit(4, 2, 4000))
    assert judged(*hits) == ["hidden_link", "hidden_link", "", ""]


def test_machines_that_say_what_they_are_are_believed() -> None:
    agents = ("python-requests/2.32", "Mozilla/5.0 (compatible; SomeBot/1.0; +https://x.example)", "curl/8.5", "")
    hits = [hit(number, 1, 60 + number * 100, agent) for number, agent in enumerate(agents)]
    assert judged(*hits) == ["known_agent"] * 3 + ["no_agent"]


def test_what_no_person_does_is_a_machine() -> None:
    assert judged(hit(1, 1, 60, manner="head")) == ["head_request"]
    assert judged(hit(1, 1, 60, manner="prefetch")) == ["prefetch_request"]
    assert judged(hit(1, 1, 0.5)) == ["too_soon"]
    assert judged(hit(1, 1, -2)) == ["too_soon"]


def test_without_an_outcome_time_nothing_is_too_soon() -> None:
    assert judge_hits([Hit(1, 1, 1, SENT, None, BROWSER, "get")], VISIBLE, HIDDEN) == {1: HUMAN}


@pytest.mark.parametrize("address", ["34.250.1.2", "::ffff:34.250.1.2", "2001:41d0:8::1", "40.93.0.1"])
def test_a_browser_in_a_data_centre_is_a_machine(address: str) -> None:
    found = judge_hits([dataclasses.replace(hit(1, 1, 600), ip=address)], VISIBLE, HIDDEN)
    assert found[1] == ("scanner", "datacentre")


@pytest.mark.parametrize("address", ["", "90.3.4.5", "34.63.255.255", "192.168.1.1", "2a01:cb00::1", "unknown"])
def test_any_other_network_tells_nothing(address: str) -> None:
    assert judge_hits([dataclasses.replace(hit(1, 1, 600), ip=address)], VISIBLE, HIDDEN) == {1: HUMAN}


@given(st.integers(0, 2**32 - 1))
def test_ranges_are_found_as_by_looking_at_each(number: int) -> None:
    lines = RANGES.read_text(encoding="utf-8").splitlines()
    address = IPv4Address(number)
    one_by_one = any(address in ip_network(line) for line in lines if line and not line.startswith("#"))
    assert is_datacentre(str(address)) == one_by_one


def at_once_by_definition(hits: list[Hit]) -> set[int]:
    """The ids of hits in a window that begins at some hit and holds all visible links."""
    windows = [[other for other in hits if start.at <= other.at <= start.at + BURST] for start in hits]
    return {one.id for window in windows if {other.link for other in window} >= VISIBLE for one in window}


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from((1, 2, 3, 9)), st.booleans()), max_size=25))
def test_bursts_are_found_as_by_looking_at_every_window(moments: list[tuple[int, int, bool]]) -> None:
    hits = [
        hit(number, link, 60 + after, manner="get" if got else "head")
        for number, (after, link, got) in enumerate(sorted(moments))
    ]
    verdicts = judge_hits(hits, VISIBLE, HIDDEN)
    wanted = at_once_by_definition(hits)
    for one in hits:
        if one.manner == "get":
            assert verdicts[one.id].reason == ("all_links_at_once" if one.id in wanted else "")


def test_twenty_thousand_fetches_of_one_recipient_are_judged() -> None:
    """In seconds: looking at each window of each hit would take hours."""
    hits = [hit(number, number % 3 + 1, 60 + number / 10_000) for number in range(20_000)]
    assert set(judged(*hits)) == {"all_links_at_once"}
