"""Saved cards and SEPA debits: taken without the payer, refused, announced, days under way, taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from broker.billing.gateway.means import detach_means, list_means, read_setup, remove_means, save_means
from broker.billing.gateway.pay_with_means import charge_means, pay_with_means
from broker.billing.gateway.payment_rules import find_rule, set_rule
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotFound
from broker.rentals.credit import set_credit_limit
from tests.store.gateway_scene import GatewayScene, build_gateway_scene


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> GatewayScene:
    return build_gateway_scene(admin_engine, worker_engine, web_engine)


def rule(scene: GatewayScene, methods: list[str], debit: str = "wait") -> str:
    with scene.money.web.begin(scene.money.person("broker")) as unit:
        code = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.payer.org)
        set_rule(unit, scene.settings, code, methods, debit)
    return str(code)


def told(scene: GatewayScene, order_code: str) -> list[str]:
    return scene.column(
        "SELECT DISTINCT kind FROM notification_event WHERE object_code = :code AND kind LIKE 'payment.%' ORDER BY 1",
        code=order_code,
    )


def test_a_saved_card_pays_an_order_once(scene: GatewayScene) -> None:
    means, order, before = scene.saved("card"), scene.money.approved(), scene.books()
    with scene.money.web.begin(scene.payer) as unit:
        shown = next(one for one in list_means(unit) if one.code == means)
    assert (shown.kind, shown.label, str(shown.expires_on), shown.mandate) == ("card", "visa …4242", "2032-01-01", "")
    payment = scene.paying(order, means)
    assert (payment.method, payment.state) == ("card", "pending")
    for _ in range(2):
        after = scene.charged(payment)
    assert (after.state, scene.state(order)) == ("captured", "scheduled")
    assert scene.changed(before)["512"] == order.total_cents
    with scene.money.web.begin(scene.payer) as unit:
        assert pay_with_means(unit, scene.settings, scene.gateway, order.code, means).state == "captured"


@pytest.mark.parametrize(("plays", "kind"), [("declined", "payment.failed"), ("action", "payment.action")])
def test_what_the_bank_refuses_ends_the_payment_and_the_payer_is_asked(
    scene: GatewayScene, plays: str, kind: str
) -> None:
    means, order, before = scene.saved("card", plays), scene.money.approved(), scene.books()
    failed = scene.charged(scene.paying(order, means))
    code = "card_declined" if plays == "declined" else "authentication_required"
    assert (failed.state, failed.failure, scene.changed(before)) == ("failed", code, {})
    assert scene.gateway.read_intent(failed.gateway_reference).state == "failed"  # nobody can pay it any more
    assert (scene.state(order), told(scene, order.code)) == ("approved", [kind])
    page = scene.opened(order)  # the payer comes and pays there
    scene.webhook(scene.gateway.pay(page.checkout.rsplit("/", 1)[1]))
    assert (scene.payment(page.id).state, scene.state(order)) == ("captured", "scheduled")


def test_a_debit_is_announced_waits_for_its_day_and_takes_days(scene: GatewayScene) -> None:
    means, order, before = scene.saved("sepa_debit"), scene.money.approved(), scene.books()
    with scene.money.web.begin(scene.payer) as unit:
        shown = next(one for one in list_means(unit) if one.code == means)
    assert shown.mandate.startswith("COURTIER")
    assert shown.mandate_url
    payment = scene.paying(order, means)
    (facts,) = scene.column(
        "SELECT facts FROM notification_event WHERE object_code = :code AND kind = 'payment.debit_announced'",
        code=order.code,
    )
    assert (facts["mandate"], facts["debit_on"]) == (shown.mandate, str(payment.debit_on))
    assert scene.charged(payment).state == "pending"  # not before its day
    scene.money.wait(49)
    waiting = scene.charged(payment)
    assert (waiting.state, scene.state(order), scene.changed(before)) == ("processing", "approved", {})
    with pytest.raises(Conflict) as refusal:
        scene.opened(order)
    assert refusal.value.code == "pay_under_way"
    event = scene.gateway.end_debit(waiting.gateway_reference, fee=35)
    assert [scene.webhook(event) for _ in range(3)] == [True, False, False]
    assert (scene.booked(payment).state, scene.state(order)) == ("captured", "scheduled")
    change = scene.changed(before)
    assert (change["512"], change["627"]) == (order.total_cents - 35, 35)


def test_a_debit_that_fails_leaves_the_order_to_be_paid_another_way(scene: GatewayScene) -> None:
    means, order, before = scene.saved("sepa_debit"), scene.money.approved(), scene.books()
    payment = scene.paying(order, means)
    scene.money.wait(49)
    under_way = scene.charged(payment)
    scene.webhook(scene.gateway.end_debit(under_way.gateway_reference, "insufficient_funds"))
    failed = scene.payment(payment.id)
    assert (failed.state, failed.failure, scene.changed(before)) == ("failed", "insufficient_funds", {})
    assert "payment.failed" in told(scene, order.code)
    assert scene.charged(scene.paying(order, scene.saved("card"))).state == "captured"


def test_a_debit_taken_back_is_owed_again_with_its_fee_and_stops_what_has_not_left(scene: GatewayScene) -> None:
    means, order = scene.saved("sepa_debit"), scene.money.approved()
    payment = scene.paying(order, means)
    scene.money.wait(49)
    scene.gateway.end_debit(scene.charged(payment).gateway_reference)
    reference = scene.booked(payment).gateway_reference
    mailing = scene.money.mailing_of(order)[0]
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE mailing SET state = 'frozen', frozen_at = app_now() WHERE id = :id", id=mailing)
    before = scene.books()
    event = scene.gateway.move(reference, "returned", -order.total_cents, 750)
    scene.webhook(event)
    assert scene.booked(payment).state == "returned"
    claim = {"411": order.total_cents, "512": -order.total_cents - 750, "627": 750}
    assert scene.changed(before) == claim
    assert scene.column("SELECT state FROM mailing WHERE id = :id", id=mailing) == ["paused"]
    again = scene.charged(scene.paying(order, scene.saved("card")))
    assert again.state == "captured"
    assert scene.changed(before) == {"512": -750, "627": 750}
    (open_lines,) = scene.column(
        "SELECT count(*) FROM ledger_posting p WHERE p.account = '411' AND p.org_id = :org AND NOT EXISTS ("
        " SELECT 1 FROM ledger_match_line l WHERE l.entry_id = p.entry_id AND l.line = p.line)",
        org=scene.payer.org,
    )
    assert open_lines == 0


def test_by_rule_an_order_goes_on_credit_while_its_debit_is_under_way(scene: GatewayScene) -> None:
    means, code = scene.saved("sepa_debit"), rule(scene, ["card", "sepa_debit"], "credit")
    waits, goes = scene.money.approved(), scene.money.approved()
    scene.paying(waits, means)
    assert scene.state(waits) == "approved"  # no credit was agreed
    with scene.money.web.begin(scene.money.person("broker")) as unit:
        set_credit_limit(unit, code, 100 * goes.total_cents)
    payment, before = scene.paying(goes, means), scene.books()
    assert scene.state(goes) == "on_credit"
    scene.money.wait(49)
    scene.gateway.end_debit(scene.charged(payment).gateway_reference)
    assert scene.booked(payment).state == "captured"
    change = scene.changed(before)  # its deposit invoice is deducted from the final one
    assert (change["512"], change["4191"]) == (goes.total_cents, -goes.net_cents)
    rule(scene, ["card", "sepa_debit"])


def test_a_debit_for_an_order_that_was_withdrawn_is_not_asked_for(scene: GatewayScene) -> None:
    means, order = scene.saved("sepa_debit"), scene.money.approved()
    payment = scene.paying(order, means)
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE rental_order SET state = 'cancelled' WHERE id = :id", id=order.id)
    scene.money.wait(49)
    ended = scene.charged(payment)
    assert (ended.state, ended.failure, ended.gateway_reference) == ("failed", "order_ended", "")


def test_an_open_page_is_closed_before_a_saved_card_pays(scene: GatewayScene) -> None:
    means, order = scene.saved("card"), scene.money.approved()
    page = scene.opened(order)
    payment = scene.paying(order, means)
    assert scene.gateway.read_checkout(page.checkout_reference).state == "expired"
    assert (scene.payment(page.id).state, scene.charged(payment).state) == ("failed", "captured")
    other = scene.money.approved()
    paid = scene.opened(other)
    scene.gateway.pay(paid.checkout_reference)  # its webhook is late
    with pytest.raises(Conflict) as refusal:
        scene.paying(other, means)
    assert refusal.value.code == "pay_under_way"
    assert scene.booked(paid).state == "captured"


def test_a_page_that_lapsed_is_followed_by_another_of_the_same_payment(scene: GatewayScene) -> None:
    order = scene.money.approved()
    first = scene.opened(order)
    assert scene.opened(order).checkout == first.checkout
    scene.money.wait(25)
    second = scene.opened(order)
    assert (second.code, second.page) == (first.code, 1)
    assert second.checkout != first.checkout
    scene.gateway.pay(second.checkout_reference)
    assert scene.booked(second).state == "captured"


def test_a_means_is_removed_here_and_at_the_gateway(scene: GatewayScene) -> None:
    code, order = scene.saved("card"), scene.money.approved()
    payment = scene.paying(order, code)
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.payer) as unit:
        remove_means(unit, code)
    assert refusal.value.code == "means_in_use"
    scene.charged(payment)
    with scene.money.web.begin(scene.payer) as unit:
        remove_means(unit, code)
    ((means, reference),) = [
        (one, scene.column("SELECT gateway_reference FROM payment_means WHERE id = :id", id=one)[0])
        for one in scene.column("SELECT id FROM payment_means WHERE code = :code", code=code)
    ]
    for _ in range(2):
        detach_means(scene.money.worker, scene.gateway, means)
    assert scene.gateway.shown(reference)["customer"] is None
    with pytest.raises(NotFound):
        scene.paying(scene.money.approved(), code)


def test_nobody_uses_or_removes_a_neighbours_means(scene: GatewayScene) -> None:
    code = scene.saved("card")
    stranger = scene.money.stranger
    with pytest.raises(CourtierError), scene.money.web.begin(stranger) as unit:
        remove_means(unit, code)
    with scene.money.web.begin(stranger) as unit:
        assert unit.scalar("SELECT count(*) FROM payment_means") == 0
    with pytest.raises(Exception, match=r"removed|permission"), scene.money.web.begin(scene.payer) as unit:
        unit.run("UPDATE payment_means SET state = 'asked' WHERE code = :code", code=code)


def test_methods_are_the_brokers_to_open(scene: GatewayScene) -> None:
    code = rule(scene, ["card"])
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.payer) as unit:
        save_means(unit, scene.settings, scene.gateway, "sepa_debit")
    assert refusal.value.code == "method_closed"
    with scene.money.web.begin(scene.payer) as unit:
        assert find_rule(unit, scene.settings).methods == ("card",)
    with pytest.raises(Forbidden), scene.money.web.begin(scene.payer) as unit:
        set_rule(unit, scene.settings, code, ["sepa_debit"], "credit")
    for methods, debit in ((["cheque"], "wait"), ([], "wait"), (["card"], "never")):
        with pytest.raises(InvalidInput), scene.money.web.begin(scene.money.person("broker")) as unit:
            set_rule(unit, scene.settings, code, methods, debit)
    rule(scene, ["card", "sepa_debit"])


def test_two_workers_at_once_take_a_payment_once(scene: GatewayScene) -> None:
    means, order, before = scene.saved("card"), scene.money.approved(), scene.books()
    payment = scene.paying(order, means)

    def take(_: int) -> None:
        charge_means(scene.money.worker, scene.settings, scene.gateway, payment.id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take, range(4)))
    assert scene.payment(payment.id).state == "captured"
    assert scene.changed(before)["512"] == order.total_cents
    taken = scene.column("SELECT body FROM fake_gateway_object WHERE kind = 'payment_intent'")
    assert len([one for one in taken if one.get("metadata", {}).get("order") == order.code]) == 1


def test_a_page_asked_for_twice_at_once_is_one_page(scene: GatewayScene) -> None:
    def ask(_: int) -> str:
        with scene.money.web.begin(scene.payer) as unit:
            return save_means(unit, scene.settings, scene.gateway, "card")

    with ThreadPoolExecutor(3) as pool:
        pages = set(pool.map(ask, range(3)))
    assert len(pages) == 1
    scene.money.wait(25)  # it lapses
    for means in scene.column("SELECT id FROM payment_means WHERE state = 'asked'"):
        read_setup(scene.money.worker, scene.gateway, means)
    assert ask(0) not in pages
