"""Every change of state is told, whoever makes it; once; and not to the person who made it."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.mailings.pause import pause_mailing
from broker.mailings.resume import resume_mailing
from broker.operate import news_store as store
from broker.operate.tell_news import tell_invoices, tell_news
from tests.store.money_scene import MoneyScene, build_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def tell_all(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        waiting = [row.id for row in unit.all("SELECT id FROM state_news WHERE told_at IS NULL ORDER BY id")]
    for news_id in waiting:
        for _ in range(2):  # a job may run twice
            tell_news(scene.worker, news_id)


def told(scene: MoneyScene, org_id: int | None, code: str) -> list[tuple[str, Any]]:
    tell_all(scene)
    with scene.worker.begin() as unit:
        rows = unit.all(
            "SELECT kind, facts FROM notification_event WHERE org_id = :org AND object_code = :code ORDER BY id",
            org=org_id,
            code=code,
        )
    return [(row.kind, row.facts) for row in rows]


def test_the_life_of_a_mailing_is_told_to_both_sides_and_trouble_to_the_broker(scene: MoneyScene) -> None:
    mailing, dispatch, code = scene.mailing_of(scene.on_credit())
    with scene.worker.begin() as unit:
        unit.run("UPDATE mailing SET state = 'frozen', frozen_at = app_now() WHERE id = :id", id=mailing)
    with scene.web.begin(scene.owner) as unit:
        pause_mailing(unit, code)
    with scene.web.begin(scene.owner) as unit:
        resume_mailing(unit, code)
    kinds = [kind for kind, _ in told(scene, scene.advertiser.org_id, code)]
    assert kinds == ["mailing.frozen", "mailing.paused", "mailing.resumed"]
    assert dict(told(scene, scene.owner.org_id, code))["mailing.paused"]["why"] == "person"
    assert [kind for kind, _ in told(scene, scene.company, code)] == ["mailing.paused"]
    with scene.worker.begin() as unit:
        own = unit.scalar(
            "SELECT count(*) FROM notification n JOIN notification_event e ON e.id = n.event_id"
            " WHERE e.object_code = :code AND e.kind = 'mailing.paused' AND n.user_id = :user",
            code=code,
            user=scene.owner.user_id,
        )
    assert own == 0  # who paused it knows
    assert dispatch


def test_an_invoice_is_told_when_issued_and_when_overdue_once(scene: MoneyScene) -> None:
    order = scene.on_credit()
    scene.settled(order, 100)
    number = scene.number(order, "invoice")
    scene.wait(24 * 62)
    for _ in range(2):
        with scene.worker.begin() as unit:
            tell_invoices(unit)
    kinds = [kind for kind, _ in told(scene, scene.advertiser.org_id, number)]
    assert kinds == ["invoice.issued", "invoice.overdue"] or kinds == ["invoice.overdue", "invoice.issued"]
    assert len(told(scene, scene.company, number)) == 2


def test_an_owner_that_joins_is_told_to_the_programmes_advertiser(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        programme = unit.scalar(
            "INSERT INTO programme (code, advertiser_id, title, sector, model, price_micros, commission_bp,"
            " budget_cents, creative_id, starts_on, ends_on) SELECT :code, :org, 'Manteaux', 'fashion', 'cpm', 20000,"
            " 2000, 100000, c.id, :day, :day FROM creative c WHERE c.code = :creative RETURNING id",
            code=f"prog_{secrets.token_hex(4)}",
            org=scene.advertiser.org_id,
            creative=scene.creative,
            day=unit.today,
        )
        code = f"part_{secrets.token_hex(4)}"
        unit.run(
            "INSERT INTO participation (code, programme_id, advertiser_id, owner_id, base_id)"
            " VALUES (:code, :programme, :advertiser, :owner, :base)",
            code=code,
            programme=programme,
            advertiser=scene.advertiser.org_id,
            owner=scene.owner.org_id,
            base=scene.base_id,
        )
    assert [(kind, facts["programme"]) for kind, facts in told(scene, scene.advertiser.org_id, code)] == [
        ("participation.joined", "Manteaux")
    ]


def test_every_subject_of_news_can_be_told(scene: MoneyScene) -> None:
    for look in (store.mailing, store.import_run, store.card, store.creative, store.payout, store.invoice, store.leak):
        with scene.worker.begin() as unit, pytest.raises(AssertionError):
            look(unit, -1)  # the query is good; there is no such row


def test_a_card_that_is_withdrawn_is_told_to_its_owner(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        unit.run(
            "UPDATE data_card SET state = 'withdrawn', withdrawn_at = app_now() WHERE code = :c", c=scene.card_code
        )
    try:
        assert "card.withdrawn" in [kind for kind, _ in told(scene, scene.owner.org_id, scene.card_code)]
    finally:
        with scene.worker.begin() as unit:
            unit.run("UPDATE data_card SET state = 'published' WHERE code = :c", c=scene.card_code)
