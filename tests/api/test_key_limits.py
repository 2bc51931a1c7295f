"""What is bounded is the key; an address is bounded where its keys are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask

from api.app import create_api
from tests.front_house import House


@pytest.fixture
def narrow(house: House) -> Flask:
    web = replace(house.front.settings.web, requests_per_minute=3, login_attempts_per_minute=1)
    return create_api(replace(house.front, settings=replace(house.front.settings, web=web)))


def test_programs_behind_one_address_do_not_use_up_each_others_calls(narrow: Flask, house: House) -> None:
    client = narrow.test_client()
    replies = [client.get("/bases", headers=house.program("owner")).status_code for _ in range(5)]
    assert replies == [200, 200, 200, 429, 429]
    assert client.get("/bases", headers=house.program("stranger")).status_code == 200


def test_an_address_whose_keys_are_refused_waits(narrow: Flask, house: House) -> None:
    client = narrow.test_client()
    wrong = [client.get("/bases", headers={"Authorization": f"Bearer ck_{n:010}_x"}).status_code for n in range(12)]
    assert wrong == [401] * 10 + [429] * 2
    assert client.get("/bases", headers=house.program("owner")).status_code == 429
    elsewhere = {"REMOTE_ADDR": "192.0.2.77"}
    reply = client.get("/bases", headers=house.program("owner"), environ_overrides=elsewhere)
    assert reply.status_code == 200
