"""What the front may ask of an organisation that is not its caller's: functions that speak of one ask who calls."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError

from broker.kernel.actor import Actor
from broker.notifications.notify import notify
from tests.store.money_scene import MoneyScene, build_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def terms(scene: MoneyScene, actor: Actor) -> list[tuple[str, ...]]:
    with scene.web.begin(actor) as unit:
        rows = unit.all(
            "SELECT * FROM sale_terms(:owner, :advertiser)", owner=scene.owner.org, advertiser=scene.advertiser.org
        )
    return [tuple(row) for row in rows]


def test_the_terms_of_a_sale_are_its_parties_and_tell_no_more_of_the_owner_than_vat_goes_by(
    scene: MoneyScene, admin_engine: Engine
) -> None:
    assert terms(scene, scene.advertiser) == [("principal", False, "FR", "750", "FR")]
    assert terms(scene, scene.stranger) == []
    assert terms(scene, Actor("public", None)) == []
    with admin_engine.begin() as connection:
        connection.execute(text("UPDATE data_card SET state = 'retired' WHERE code = :c"), {"c": scene.card_code})
    try:
        assert terms(scene, scene.advertiser) == []  # none of its cards can be booked
        assert terms(scene, scene.owner) != []
    finally:
        with admin_engine.begin() as connection:
            connection.execute(text("UPDATE data_card SET state = 'published' WHERE code = :c"), {"c": scene.card_code})


@pytest.mark.parametrize(("who", "finds"), [("owner", 1), ("stranger", 1), ("advertiser", 0), ("nobody", 0)])
def test_owners_alone_name_an_advertiser_by_its_code(scene: MoneyScene, who: str, finds: int) -> None:
    actor = Actor("public", None) if who == "nobody" else getattr(scene, who)
    with scene.worker.begin() as unit:
        code = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.advertiser.org)
    with scene.web.begin(actor) as unit:
        assert len(unit.all("SELECT * FROM advertiser_named(:code)", code=code)) == finds
    forged = Actor("owner", actor.org_id)  # the role is a word of the session, the organisation's kind is not
    with scene.web.begin(forged) as unit:
        assert len(unit.all("SELECT * FROM advertiser_named(:code)", code=code)) == finds


def test_mandates_are_asked_about_by_nobody_but_their_agency(scene: MoneyScene) -> None:
    with pytest.raises(ProgrammingError), scene.web.begin(scene.stranger) as unit:
        unit.all("SELECT * FROM live_mandate(:agency, :advertiser)", agency=1, advertiser=scene.advertiser.org)
    with scene.web.begin(scene.stranger) as unit:
        assert unit.scalar("SELECT mandated(:agency, 'org_x')", agency=scene.owner.org) is None


def test_nobody_is_told_of_what_it_does_not_share_with_the_caller(scene: MoneyScene) -> None:
    order = scene.ordered()
    facts = {"card": "Win a phone", "reason": "read this"}
    for actor, org, code in (
        (scene.stranger, scene.advertiser.org, order.code),
        (scene.advertiser, scene.stranger.org, order.code),
        (scene.advertiser, scene.owner.org, "order_of_nobody"),
        (Actor("public", None), scene.owner.org, order.code),
    ):
        with pytest.raises(ProgrammingError), scene.web.begin(actor) as unit:
            notify(unit, "order.cancelled", org, code, **facts)
    with scene.web.begin(scene.advertiser) as unit:
        notify(unit, "order.cancelled", scene.owner.org, order.code, **facts)
        notify(unit, "order.cancelled", scene.advertiser.org, order.code, **facts)
