"""Figures for monitoring: who may read them, what they say, and that nobody is in them."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.kernel.database import Database, make_engine
from broker.operate.figures import GAUGES, prometheus_text, read_figures
from tests.front_house import House


def values(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, "".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_this_machine_reads_the_figures(house: House) -> None:
    reply = house.pages.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert reply.status_code == 200
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = values(reply.text)
    assert found["courtier_database_up", ""] == 1
    assert ("courtier_queue_depth", "delivery") in found
    assert ("courtier_sends", "uncertain") in found
    assert {name.removeprefix("courtier_") for name, _ in found} == {gauge.name for gauge in GAUGES.values()} | {
        "database_up"
    }


def test_a_stranger_does_not(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    client = house.pages.test_client()
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "192.0.2.1"}).status_code == 403
    local = {"REMOTE_ADDR": "127.0.0.1"}
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        assert client.get("/metrics", environ_base=local, headers={header: "192.0.2.1"}).status_code == 403
    stranger = {"environ_base": {"REMOTE_ADDR": "192.0.2.1"}}
    assert client.get("/metrics", headers={"Authorization": "Bearer "}, **stranger).status_code == 403
    monkeypatch.setenv("COURTIER_METRICS_TOKEN", "a-long-token")
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}, **stranger).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer a-long-token"}, **stranger).status_code == 200


def test_the_figures_hold_states_and_counts_alone(house: House) -> None:
    text = house.pages.test_client().get("/metrics", environ_base={"REMOTE_ADDR": "::1"}).text
    for line in text.splitlines():
        assert line.startswith("#") or re.fullmatch(r'courtier_[a-z_]+(\{(state|queue)="[a-z_]+"\})? [0-9.e+-]+', line)


def test_without_a_database_just_that_is_said() -> None:
    figures = read_figures(Database(make_engine("postgresql://nobody@127.0.0.1:1/none?connect_timeout=1", 1)))
    assert figures is None
    assert values(prometheus_text(figures).decode()) == {("courtier_database_up", ""): 0}


def test_health_says_whether_it_can_work(house: House) -> None:
    reply = house.pages.test_client().get("/health")
    assert (reply.status_code, reply.json) == (200, {"status": "ok", "database": True})
