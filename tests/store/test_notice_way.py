"""The way of a notice: asked for by the owner, planned by a worker, frozen for whoever does not know the new name."""

from __future__ import annotations

import secrets

import pytest
from sqlalchemy import Connection

from broker.bases.publish_partner_list import PartnerName, extend_partner_list
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict
from broker.mailings.announce_partners import announce_partners, list_notices, notice_message, plan_notice
from broker.mailings.freeze import freeze_mailing
from tests.store.count_scene import PEOPLE, Scene, scene

__all__ = ["scene"]


@pytest.fixture
def owner(scene: Scene) -> Actor:
    with scene.database.begin() as unit:
        user = unit.scalar(
            "INSERT INTO app_user (org_id, email, name, role, password_hash) VALUES (:org, :email, 'O', 'owner', 'x')"
            " RETURNING id",
            org=scene.owner,
            email=f"{secrets.token_hex(5)}@courtier.test",
        )
    return Actor("owner", scene.owner, user, "O")


def code_of(scene: Scene) -> str:
    with scene.database.begin() as unit:
        return str(unit.scalar("SELECT code FROM base WHERE id = :id", id=scene.base))


def test_a_notice_is_planned_once_and_frozen_for_those_who_lack_the_name(
    scene: Scene, owner: Actor, connection: Connection
) -> None:
    base = code_of(scene)
    with scene.database.begin(owner) as unit:
        assert extend_partner_list(unit, base, [PartnerName("Zèbre {{first_name}}")]) == 3
        message = notice_message(unit, base, "en", 30)
        assert "Zèbre { {first_name}}" in message.html
        assert "{{unsubscribe_url}}" in message.html
        announce_partners(unit, base, "fr", 30)
        with pytest.raises(Conflict, match="on its way"):
            announce_partners(unit, base, "fr", 30)
    with scene.database.begin() as unit:
        notice = unit.scalar("SELECT id FROM partner_notice WHERE base_id = :base", base=scene.base)
    for _ in range(2):
        plan_notice(scene.database, scene.settings, notice)
    with scene.database.begin() as unit:
        (row,) = unit.all("SELECT id, kind, price_micros, state FROM mailing WHERE base_id = :base", base=scene.base)
        assert (row.kind, row.price_micros, row.state) == ("own", 0, "planned")
    freeze_mailing(scene.database, scene.keys, scene.settings, row.id)
    with scene.database.begin(owner) as unit:
        assert unit.scalar("SELECT state || coalesce(': ' || problem, '') FROM mailing WHERE id = :id", id=row.id) == (
            "frozen"
        )
        assert unit.scalar("SELECT count(*) FROM send WHERE mailing_id = :id AND NOT seed", id=row.id) == PEOPLE
        (listed,) = list_notices(unit, base)
    assert (listed.version, listed.wait_days, listed.told, listed.state) == (3, 30, 0, "frozen")


def test_without_a_new_name_nothing_is_announced(scene: Scene, owner: Actor) -> None:
    base = code_of(scene)
    with scene.database.begin(owner) as unit:
        assert extend_partner_list(unit, base, [], [f"partner {scene.stranger}"]) == 3
        with pytest.raises(Conflict, match="adds no partner"):
            announce_partners(unit, base, "fr", 30)
        assert list_notices(unit, base) == []
