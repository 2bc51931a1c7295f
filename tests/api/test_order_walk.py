"""The walk through the life of an order in docs/api.md, run call by call."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from broker.accounts.api_keys import create_api_key
from broker.billing.gateway.collect import book_payment
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.settle import settle_mailing
from broker.kernel.actor import Actor
from tests.front_house import House
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

WALK = re.compile(r"call by call\..*?```text\n(.*?)```", re.DOTALL)
CALL = re.compile(r"(\w+) (GET|POST) (\S+)(?: (\{.*\}))? -> (\d{3})(?: (\w+)=(\S+))?")


def documented() -> list[str]:
    found = WALK.search((Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8"))
    assert found is not None
    return found[1].strip().splitlines()


def test_the_documented_life_of_an_order_is_lived(
    house: House, admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    keys = {}
    for role in ("owner", "advertiser"):
        org = getattr(scene, role).org_id
        with scene.worker.begin() as unit:
            user = unit.scalar(
                "INSERT INTO app_user (org_id, email, name, role, password_hash)"
                " VALUES (:org, :mail, 'Walker', :role, 'x') RETURNING id",
                org=org,
                mail=f"{secrets.token_hex(6)}@walk.test",
                role=role,
            )
        with scene.web.begin(Actor(role, org, int(user))) as unit:
            keys[role] = {"Authorization": f"Bearer {create_api_key(unit, 'walk')[1]}"}
    kept = {"card": scene.card_code}
    client, calls, last = house.api.test_client(), 0, ""
    for line in documented():
        if line.startswith("worker "):
            _WORK[line.removeprefix("worker ")](scene, kept["order"])
            continue
        call = CALL.fullmatch(line)
        assert call is not None, line
        role, verb, path, body, status, name, field = call.groups()
        for variable, value in kept.items():
            path, body = path.replace(f"${variable}", value), (body or "").replace(f"${variable}", value)
        reply = client.open(path, method=verb, headers=keys[role], json=json.loads(body) if body else None)
        assert reply.status_code == int(status), (line, reply.text)
        calls += 1
        last = reply.text
        if name:
            kept[name] = str(_field(reply.get_json(), field))
    assert calls > 15
    assert json.loads(last)["state"] == "settled"


def _field(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value[int(part)] if part.isdigit() else value[part]
    return value


def _mailing(scene: MoneyScene, code: str) -> tuple[int, int]:
    with scene.worker.begin() as unit:
        row = unit.one(
            "SELECT m.id, m.dispatch_id FROM mailing m JOIN dispatch d ON d.id = m.dispatch_id"
            " JOIN rental_order o ON o.id = d.order_id WHERE o.code = :code",
            code=code,
        )
    assert row is not None
    return row.id, row.dispatch_id


def _pay(scene: MoneyScene, code: str) -> None:
    with scene.worker.begin() as unit:
        payment = unit.scalar(
            "SELECT p.id FROM payment p JOIN rental_order o ON o.id = p.order_id WHERE o.code = :code", code=code
        )
    book_payment(scene.worker, SETTINGS, FakeGateway(scene.web), payment)


def _draw(scene: MoneyScene, code: str) -> None:
    with scene.worker.begin() as unit:
        unit.run(
            "UPDATE mailing SET state = 'frozen', frozen_at = app_now() WHERE id = :id", id=_mailing(scene, code)[0]
        )


def _send(scene: MoneyScene, code: str) -> None:
    scene.send(*_mailing(scene, code), 29_000)


def _settle(scene: MoneyScene, code: str) -> None:
    scene.wait(SETTINGS.trade.bounce_freeze_hours + 1)
    settle_mailing(scene.worker, SETTINGS, _mailing(scene, code)[0])


_WORK: dict[str, Callable[[MoneyScene, str], None]] = {
    "books the payment and schedules the mailing": _pay,
    "draws the recipients": _draw,
    "sends the mailing": _send,
    "settles when no bounce counts any more": _settle,
}
