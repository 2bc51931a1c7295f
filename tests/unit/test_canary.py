"""The canary search itself: it must find each planted leak, and nothing in innocent bytes."""

from __future__ import annotations

import pytest

from tests.flows.canary import Canaries, planted

ADDRESS = "zq.canary-one@nest.example"


@pytest.mark.parametrize("way", sorted(planted(ADDRESS)))
def test_every_planted_leak_is_found(way: str) -> None:
    assert list(Canaries([ADDRESS]).search(way, planted(ADDRESS)[way]))


def test_innocent_bytes_hold_no_leak() -> None:
    other = planted("somebody.else@nest.example")
    assert [leak for way in other for leak in Canaries([ADDRESS]).search(way, other[way])] == []
