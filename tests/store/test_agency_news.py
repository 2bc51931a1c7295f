"""What an advertiser is told of an order reaches the agency that placed it, while its mandate stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.accounts.act_for import acting_for
from broker.accounts.give_mandate import end_mandate, give_mandate
from broker.notifications.notify import notify
from broker.rentals.approve import approve_order
from broker.rentals.place import place_order
from broker.rentals.quote import quote
from tests.store.money_scene import SETTINGS, NoAudience
from tests.store.order_people_scene import PeopleScene, build_people


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine, tmp_path: Path) -> PeopleScene:
    return build_people(admin_engine, worker_engine, web_engine, tmp_path)


def told(scene: PeopleScene, order: str) -> list[tuple[str, int]]:
    """(kind, person) of what was told of an order to agency and advertiser."""
    with scene.money.worker.begin() as unit:
        rows = unit.all(
            "SELECT n.kind, n.user_id FROM notification n JOIN notification_event e ON e.id = n.event_id"
            " WHERE e.object_code = :order AND n.org_id IN (:agency, :client) ORDER BY n.id",
            order=order,
            agency=scene.agency.org,
            client=scene.advertiser.org,
        )
    return [(row.kind, row.user_id) for row in rows]


def test_the_agency_is_told_of_its_clients_order_while_its_mandate_stands(scene: PeopleScene) -> None:
    with scene.money.web.begin(scene.advertiser) as unit:
        mandate = give_mandate(unit, scene.code_of(scene.agency), "advertiser").code
    with scene.money.web.begin(scene.agency) as unit:
        acting = acting_for(unit, scene.agency, scene.code_of(scene.advertiser))
    with scene.money.web.begin(acting) as unit:
        order = quote(unit, NoAudience(), SETTINGS, scene.money.card_code, 30_000)
        place_order(unit, order.code, scene.creative())
    with scene.money.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
    people = {scene.agency.user_id, scene.advertiser.user_id}
    assert {user for kind, user in told(scene, order.code) if kind == "order.approved"} == people
    with scene.money.web.begin(scene.advertiser) as unit:
        end_mandate(unit, mandate)
    with scene.money.worker.begin() as unit:
        notify(unit, "order.settled", scene.advertiser.org, order.code, card="Card")
    assert {user for kind, user in told(scene, order.code) if kind == "order.settled"} == {scene.advertiser.user_id}


def test_an_order_that_no_agency_placed_is_told_to_none(scene: PeopleScene) -> None:
    with scene.money.web.begin(scene.advertiser) as unit:
        give_mandate(unit, scene.code_of(scene.agency), "advertiser")
    order = scene.money.quoted()
    with scene.money.web.begin(scene.advertiser) as unit:
        place_order(unit, order.code, scene.creative())
    with scene.money.web.begin(scene.owner) as unit:
        approve_order(unit, order.code)
    found = [user for kind, user in told(scene, order.code) if kind == "order.approved"]
    assert found == [scene.advertiser.user_id]
