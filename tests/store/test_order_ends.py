"""Orders that end early: who may, what becomes of mailing, contacts and money, and that the other side is told."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from broker.billing.accrue import accrue_sends
from broker.billing.settle import due_settlements, settle_mailing
from broker.kernel.actor import Actor
from broker.kernel.errors import Conflict, Forbidden
from broker.mailings.cancel import cancel_mailing
from broker.mailings.withdraw import withdraw_order
from broker.operate.tell_news import tell_news
from broker.rentals.advance import advance_order
from broker.rentals.credit import credit_of
from broker.rentals.find import find_order
from broker.rentals.model import Order
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def documents(scene: MoneyScene, order: Order) -> dict[str, int]:
    with scene.worker.begin() as unit:
        rows = unit.all("SELECT kind, total_cents FROM invoice WHERE order_id = :id", id=order.id)
    return {row.kind: row.total_cents for row in rows}


def told(scene: MoneyScene, order: Order, org: int) -> list[str]:
    with scene.worker.begin() as unit:
        rows = unit.all(
            "SELECT facts->>'reason' AS reason FROM notification_event WHERE kind = 'order.cancelled'"
            " AND object_code = :code AND org_id = :org",
            code=order.code,
            org=org,
        )
    return [row.reason for row in rows]


def told_of_mailing(scene: MoneyScene, mailing: int) -> list[tuple[int | None, str]]:
    """Who is told what of a mailing, once all its news are."""
    with scene.worker.begin() as unit:
        news = unit.all("SELECT id FROM state_news WHERE subject = 'mailing' AND row_id = :id ORDER BY id", id=mailing)
    for row in news:
        tell_news(scene.worker, row.id)
    with scene.worker.begin() as unit:
        rows = unit.all(
            "SELECT e.org_id, e.kind FROM notification_event e JOIN mailing m ON m.code = e.object_code"
            " WHERE m.id = :id ORDER BY e.id",
            id=mailing,
        )
    return [(row.org_id, row.kind) for row in rows]


def leave_some(scene: MoneyScene, order: Order, accepted: int) -> int:
    """A mailing of which some mails have left and the rest wait."""
    mailing, dispatch, _ = scene.mailing_of(order)
    with scene.worker.begin() as unit:
        unit.run("SELECT make_send_partition(:month)", month=dispatch // 1_000_000)
        unit.run(
            "INSERT INTO send (dispatch_id, mailing_id, position, contact_id, contact_key, state, price_micros)"
            " SELECT :dispatch, m.id, n, n, decode(md5(m.id || '/' || n), 'hex'),"
            " CASE WHEN n <= :accepted THEN 'accepted' ELSE 'pending' END, m.price_micros"
            " FROM mailing m, generate_series(1, :accepted + 5) n WHERE m.id = :mailing",
            dispatch=dispatch,
            mailing=mailing,
            accepted=accepted,
        )
        accrue_sends(unit, mailing, [(dispatch, n) for n in range(1, accepted + 1)])
        unit.run("UPDATE mailing SET state = 'frozen' WHERE id = :id", id=mailing)
        unit.run("UPDATE mailing SET state = 'sending', started_at = app_now() WHERE id = :id", id=mailing)
        advance_order(unit, order.id, "sending")
    return mailing


@pytest.mark.parametrize("party", ["advertiser", "owner"])
def test_a_party_cancels_a_planned_order_and_its_whole_deposit_is_credited_at_once(
    scene: MoneyScene, party: str
) -> None:
    order = scene.paid()
    actor, other = (scene.advertiser, scene.owner.org) if party == "advertiser" else (scene.owner, scene.advertiser.org)
    with scene.web.begin(actor) as unit:
        assert withdraw_order(unit, order.code, "The shop burnt down").state == "cancelled"
    mailing, _, _ = scene.mailing_of(order)
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT state FROM mailing WHERE id = :id", id=mailing) == "cancelled"
        held = unit.scalar("SELECT held_until > app_now() FROM order_hold WHERE order_id = :id", id=order.id)
        reasons = unit.all(
            "SELECT detail->>'reason' AS why FROM audit_entry WHERE action = 'order.cancelled' AND object_id = :code",
            code=order.code,
        )
        due = due_settlements(unit, SETTINGS)
    assert held is not True
    assert [row.why for row in reasons] == ["The shop burnt down"]
    assert told(scene, order, other) == ["The shop burnt down"]
    parties = (scene.advertiser.org, scene.owner.org)
    heard = told_of_mailing(scene, mailing)  # its end and that of the order are one event: told once, of the order
    of_its_end = [org for org, kind in heard if kind == "mailing.cancelled"]
    assert [org for org in of_its_end if org in parties] == []
    with scene.worker.begin() as unit:  # in a shared database other tests have brokers of their own
        brokers = {row.id for row in unit.all("SELECT id FROM organisation WHERE kind = 'broker'")}
    assert of_its_end
    assert set(of_its_end) <= brokers
    assert len(set(of_its_end)) == len(of_its_end)  # each once
    assert mailing in due
    settle_mailing(scene.worker, SETTINGS, mailing)
    with scene.web.begin(scene.advertiser) as unit:
        paid = find_order(unit, order.code)
    assert paid.state == "cancelled"
    assert documents(scene, order) == {"deposit": paid.total_cents, "credit_note": paid.total_cents}


def test_an_advertiser_stops_its_mailing_halfway_and_pays_what_has_left(scene: MoneyScene) -> None:
    order = scene.paid()
    mailing = leave_some(scene, order, 30)
    with scene.web.begin(scene.advertiser) as unit:
        assert withdraw_order(unit, order.code, "Wrong price in it").state == "cancelled"
    with scene.worker.begin() as unit:
        assert mailing not in due_settlements(unit, SETTINGS)  # its bounces may still come
    scene.wait(SETTINGS.trade.bounce_freeze_hours + 1)
    settle_mailing(scene.worker, SETTINGS, mailing)
    papers = documents(scene, order)
    assert papers["invoice"] == 120  # 30 × 0.033333 EUR, and VAT
    assert papers["credit_note"] == papers["deposit"] - papers["invoice"]
    with scene.web.begin(scene.advertiser) as unit:
        assert find_order(unit, order.code).state == "cancelled"


def test_what_was_stopped_halfway_on_credit_counts_until_it_is_invoiced(scene: MoneyScene) -> None:
    before = _used(scene)
    order = scene.on_credit()
    leave_some(scene, order, 10)
    with scene.web.begin(scene.advertiser) as unit:
        withdraw_order(unit, order.code)
    assert _used(scene) > before
    planned = scene.on_credit()
    with_both = _used(scene)
    with scene.web.begin(scene.advertiser) as unit:
        withdraw_order(unit, planned.code)
        assert find_order(unit, planned.code).state == "cancelled"
    assert _used(scene) < with_both


def _used(scene: MoneyScene) -> int:
    with scene.worker.begin() as unit:
        return credit_of(unit, scene.advertiser.org).used_cents


def test_an_order_on_credit_is_withdrawn_before_its_mailing_exists(scene: MoneyScene) -> None:
    order = scene.approved()
    with scene.worker.begin() as unit:
        advance_order(unit, order.id, "on_credit")
    with scene.web.begin(scene.advertiser) as unit:
        assert withdraw_order(unit, order.code).state == "cancelled"


def test_the_database_cancels_no_order_beside_its_mailing(scene: MoneyScene) -> None:
    order = scene.paid()
    for actor in (scene.advertiser, Actor("system", None)):
        database = scene.web if actor.org_id else scene.worker
        with pytest.raises(Conflict) as refusal, database.begin(actor) as unit:
            unit.run("UPDATE rental_order SET state = 'cancelled' WHERE code = :code", code=order.code)
        assert refusal.value.details["constraint"] == "order_mailing"


def test_nobody_cancels_twice_nor_what_was_sent(scene: MoneyScene) -> None:
    order = scene.paid()
    with scene.web.begin(scene.advertiser) as unit:
        withdraw_order(unit, order.code)
    with pytest.raises(Conflict) as refusal, scene.web.begin(scene.owner) as unit:
        withdraw_order(unit, order.code)
    assert refusal.value.code == "order_state"
    sent = scene.paid()
    mailing, dispatch, code = scene.mailing_of(sent)
    scene.send(mailing, dispatch, 20)
    for verb, name in ((withdraw_order, sent.code), (cancel_mailing, code)):
        with pytest.raises(Conflict), scene.web.begin(scene.advertiser) as unit:
            verb(unit, name)


def test_the_broker_stops_a_mailing_and_both_parties_read_why(scene: MoneyScene) -> None:
    order = scene.paid()
    _, _, code = scene.mailing_of(order)
    with scene.web.begin(Actor("broker", scene.company)) as unit:
        cancel_mailing(unit, code, "A complaint reached us")
    with scene.web.begin(scene.owner) as unit:
        assert find_order(unit, order.code).state == "cancelled"
    for org in (scene.owner.org, scene.advertiser.org):
        assert told(scene, order, org) == ["A complaint reached us"]


def test_an_affiliate_send_is_not_its_advertisers_to_stop(scene: MoneyScene) -> None:
    order = scene.paid()
    mailing, _, code = scene.mailing_of(order)
    with scene.worker.begin() as unit:
        unit.run("UPDATE mailing SET kind = 'affiliate' WHERE id = :id", id=mailing)
    with pytest.raises(Forbidden) as refusal, scene.web.begin(scene.advertiser) as unit:
        cancel_mailing(unit, code)
    assert refusal.value.code == "mailing_party"
