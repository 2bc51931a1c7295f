"""Thresholds by day, and owners below zero: netted, shown, never paid; what stands on their accounts at the gateway."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import ProgrammingError

from broker.billing.bank.left_out import left_out
from broker.billing.bank.owner_balances import OwnerBalance, owner_balances
from broker.billing.bank.payout_thresholds import list_thresholds, set_threshold, threshold_on
from broker.billing.bank.payouts import list_payouts, propose_payouts
from broker.billing.gateway.connect import read_connect
from broker.billing.gateway.reversals import approve_reversal, propose_reversals, reverse_transfer
from broker.kernel.errors import CourtierError, Forbidden, InvalidInput
from tests.store.gateway_scene import SETTINGS, GatewayScene, build_gateway_scene
from tests.store.test_connect import FAR, approved, credited, paid_order, sent


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> GatewayScene:
    built = build_gateway_scene(admin_engine, worker_engine, web_engine)
    built.gateway.adjust("topup", 10_000_000)
    built.ready_owner()
    return built


def balance(scene: GatewayScene) -> OwnerBalance:
    """As staff sees the scene's owner, and as itself does but for the books."""
    with scene.money.web.begin(scene.owner) as unit:
        (own,) = owner_balances(unit, SETTINGS)
    with scene.money.web.begin(scene.money.accountant) as unit:
        (found,) = [one for one in owner_balances(unit, SETTINGS) if one.owner_code == own.owner_code]
    assert own.books_cents is None
    assert (own.owed_cents, own.state, own.gateway_cents) == (found.owed_cents, found.state, found.gateway_cents)
    return found


def proposed(scene: GatewayScene, until: date) -> list[int]:
    with scene.money.web.begin(scene.money.person()) as unit:
        propose_payouts(unit, SETTINGS, until)
        return [one.amount_cents for one in list_payouts(unit, "proposed") if one.owner_id == scene.owner.org]


def why_left_out(scene: GatewayScene, until: date) -> list[str]:
    with scene.money.web.begin(scene.money.person()) as unit:
        return [one.why for one in left_out(unit, SETTINGS, until)]


def test_a_threshold_holds_from_its_day_on_and_defers_no_due_date(scene: GatewayScene) -> None:
    with scene.money.worker.begin() as unit:
        today = unit.today
    later = today + timedelta(days=1_000)
    with scene.money.web.begin(scene.money.accountant) as unit:
        assert threshold_on(unit, SETTINGS) == 5_000  # the setting, until one is entered
        set_threshold(unit, "EUR", 900_000)
        set_threshold(unit, "EUR", 800_000)  # of one day the last one counts
        set_threshold(unit, "EUR", 1, later)
        assert threshold_on(unit, SETTINGS) == 800_000
        assert threshold_on(unit, SETTINGS, day=later) == 1
        assert [one.cents for one in list_thresholds(unit, SETTINGS) if one.in_force] == [800_000]
        for currency, cents, since, code in (
            ("CHF", 1, None, "unknown_currency"),
            ("EUR", -1, None, "bad_threshold"),
            ("EUR", 10**9, None, "bad_threshold"),
            ("EUR", 1, today - timedelta(days=1), "bad_day"),
        ):
            with pytest.raises(InvalidInput) as refusal:
                set_threshold(unit, currency, cents, since)
            assert refusal.value.code == code
    with pytest.raises(CourtierError), scene.money.web.begin(scene.money.accountant) as unit:
        unit.run("INSERT INTO payout_threshold (currency, since, cents) VALUES ('EUR', '2020-01-01', 1)")
    for front in (scene.owner, scene.money.advertiser):
        with pytest.raises((CourtierError, ProgrammingError)), scene.money.web.begin(front) as unit:
            unit.run("INSERT INTO payout_threshold (currency, since, cents) VALUES ('EUR', '2099-01-01', 1)")
    with pytest.raises(Forbidden), scene.money.web.begin(scene.owner) as unit:
        set_threshold(unit, "EUR", 1)
    paid_order(scene)
    held = balance(scene)
    assert (held.state, held.threshold_cents) == ("below", 800_000)
    assert 0 < held.owed_cents < 800_000
    assert proposed(scene, today) == []
    assert "below" in why_left_out(scene, today)
    assert held.due_on is not None
    assert proposed(scene, held.due_on) == [held.owed_cents]  # what is due is paid, however little it is
    assert balance(scene).under_way_cents == held.owed_cents


def test_whoever_owes_us_is_not_paid_until_its_next_bills_exceed_it(scene: GatewayScene) -> None:
    with scene.money.web.begin(scene.money.accountant) as unit:
        set_threshold(unit, "EUR", 0)
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE payout SET state = 'failed' WHERE state = 'proposed'")
        unit.run("UPDATE payout_line SET live = false")
    paid = sent(scene, approved(scene))
    credited(scene, paid.amount_cents + 500)
    owes = balance(scene)
    assert (owes.state, owes.owed_cents) == ("negative", -paid.amount_cents - 500)
    assert proposed(scene, FAR) == []
    assert "negative" in why_left_out(scene, FAR)
    paid_order(scene)  # as much again: still not enough
    assert balance(scene).owed_cents == -500
    assert proposed(scene, FAR) == []
    paid_order(scene)
    nets = balance(scene).owed_cents
    assert proposed(scene, FAR) == [nets]
    assert nets < paid.amount_cents


def test_what_is_taken_back_after_the_gateway_paid_it_on_stands_below_zero_there(scene: GatewayScene) -> None:
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE payout SET state = 'failed' WHERE state = 'proposed'")
        unit.run("UPDATE payout_line l SET live = false FROM payout p WHERE p.id = l.payout_id AND p.state = 'failed'")
        account = unit.scalar("SELECT id FROM connect_account WHERE org_id = :org", org=scene.owner.org)
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :org", org=scene.owner.org)

    def at_gateway() -> int | None:
        read_connect(scene.money.worker, scene.gateway, account)
        return balance(scene).gateway_cents

    scene.money.wait(72)
    assert at_gateway() == 0  # paid on to the owner's bank
    paid_order(scene)
    payout = sent(scene, approved(scene))
    assert at_gateway() == payout.amount_cents
    scene.money.wait(72)
    assert at_gateway() == 0
    credited(scene, 700)
    with scene.money.web.begin(scene.money.person()) as unit:
        (reversal,) = propose_reversals(unit, owner, "1,000 mails came back")
    with scene.money.web.begin(scene.money.person()) as unit:
        approve_reversal(unit, reversal.code)
    reverse_transfer(scene.money.worker, scene.gateway, reversal.id)
    assert at_gateway() == -700
    assert balance(scene).state == "nothing"  # in our books the reversal settled it
