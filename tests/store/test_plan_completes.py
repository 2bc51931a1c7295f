"""Steps of the retroplanning complete themselves when the recipients are drawn and the legal report is written."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from broker.mailings.legal_report import write_legal_report
from broker.mailings.plan_order import events_of
from broker.rentals.find import find_order
from tests.store.money_scene import MoneyScene, build_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def test_both_sides_see_what_happened_and_when(scene: MoneyScene) -> None:
    order = scene.on_credit()
    mailing, dispatch, _ = scene.mailing_of(order)

    def happened() -> list[set[str]]:
        seen = []
        for side in (scene.owner, scene.advertiser):
            with scene.web.begin(side) as unit:
                seen.append(set(events_of(unit, find_order(unit, order.code))))
        return seen

    assert all({"placed", "approved", "paid", "signed"} <= one and "drawn" not in one for one in happened())
    with scene.worker.begin() as unit:
        unit.run("UPDATE mailing SET state = 'frozen', frozen_at = app_now() WHERE id = :id", id=mailing)
    assert all("drawn" in one and "reported" not in one for one in happened())
    scene.send(mailing, dispatch, 100)
    scene.wait(24 * 10)
    write_legal_report(scene.worker, mailing)
    assert all({"drawn", "sent", "reported"} <= one for one in happened())
