"""A repeated call is one of the organisation for which it was made."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from broker.accounts.once import begin_once, carried_out, end_once
from broker.kernel.errors import InvalidInput
from tests.store.money_scene import build_scene


def test_a_key_used_for_one_client_gives_nothing_away_for_another(
    admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    scene = build_scene(admin_engine, worker_engine, web_engine)
    with scene.worker.begin() as unit:
        user = unit.scalar(
            "INSERT INTO app_user (org_id, email, name, role, password_hash)"
            " VALUES (:org, 'once@agency.test', 'Once', 'advertiser', '') RETURNING id",
            org=scene.advertiser.org_id,
        )
    person = replace(scene.advertiser, user_id=user)
    with scene.web.begin(person) as unit:
        assert begin_once(unit, "key", "POST /quotes?", b"{}") is None
        carried_out(unit, "key")
        end_once(unit, "key", 201, '{"code": "ord_of_the_first"}')
    other = replace(person, org_id=scene.owner.org_id)
    with scene.web.begin(other) as unit, pytest.raises(InvalidInput) as refusal:
        begin_once(unit, "key", "POST /quotes?", b"{}")
    assert refusal.value.code == "idempotency_key_reused"
