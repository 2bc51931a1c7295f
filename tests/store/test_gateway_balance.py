"""The gateway's balance against the books: line by line, with what was missed, what is the gateway's own, what nobody
knows; the inbox of webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from broker.billing.close_checks import month_findings
from broker.billing.gateway.card_money import book_card_money
from broker.billing.gateway.fake_gateway import signed_event
from broker.billing.gateway.gateway_balance import (
    ask_reading_now,
    book_gateway_line,
    explain_gateway_line,
    read_gateway,
)
from broker.billing.gateway.gateway_payouts import ask_gateway_payout, send_gateway_payout
from broker.billing.gateway.reconcile_gateway import GatewayReconciliation, reconcile_gateway
from broker.billing.gateway.webhook import receive_webhook
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import Conflict, CourtierError, Forbidden, InvalidInput, NotFound
from tests.store.gateway_scene import SETTINGS, GatewayScene, build_gateway_scene
from tests.store.test_connect import approved, paid_order, sent


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> Iterator[GatewayScene]:
    built = build_gateway_scene(admin_engine, worker_engine, web_engine)
    yield built
    with built.money.worker.begin() as unit:  # other tests close months of this database
        unit.run("UPDATE gateway_line SET booked_at = app_now() WHERE booked_at IS NULL")


def read(scene: GatewayScene, first: date | None = None) -> GatewayReconciliation:
    """Read the balance, run the jobs that this asks for, compare this year (or all since `first`)."""
    with scene.money.web.begin(scene.money.accountant) as unit:
        ask_reading_now(unit)
    for reading in scene.column("SELECT id FROM gateway_reading WHERE read_at IS NULL"):
        for _ in range(2):
            read_gateway(scene.money.worker, scene.gateway, reading)
    for payment in scene.column("SELECT id FROM payment WHERE state IN ('captured', 'returned')"):
        book_card_money(scene.money.worker, scene.gateway, payment)
    for line in scene.column(
        "SELECT id FROM gateway_line WHERE booked_at IS NULL AND (kind = 'stripe_fee' OR explained_account IS NOT NULL)"
    ):
        for _ in range(2):
            book_gateway_line(scene.money.worker, line)
    with scene.money.web.begin(scene.money.accountant) as unit:
        return reconcile_gateway(unit, first or unit.today - timedelta(days=300), unit.today)


def of(found: GatewayReconciliation, *causes: str) -> list[tuple[str, int]]:
    return [(one.cause, one.cents) for one in found.differences if one.cause in causes]


def of_kind(found: GatewayReconciliation, kind: str) -> int:
    return sum(cents for name, _, cents, _ in found.by_kind if name == kind)


def test_every_line_of_the_balance_is_in_the_books(scene: GatewayScene) -> None:
    with scene.money.worker.begin() as unit:  # the same first day throughout, so that nothing of others drops out
        first = unit.today - timedelta(days=300)
    before = read(scene, first)
    page = scene.opened(scene.money.approved())
    scene.gateway.pay(page.checkout_reference)
    scene.gateway.move(page.checkout_reference, "capture", 0, 1_825)
    reference = scene.booked(page).gateway_reference
    scene.gateway.move(reference, "refund", -1_000)
    scene.gateway.move(reference, "dispute", -5_000, 1_500)
    scene.gateway.move(reference, "dispute_won", 5_000)
    pending = read(scene, first)
    assert pending.pending_cents - before.pending_cents == page.amount_cents - 1_825
    scene.ready_owner()
    scene.gateway.adjust("topup", 90_000)
    paid_order(scene)
    payout = sent(scene, approved(scene))
    scene.money.wait(80)
    after = read(scene, first)
    assert (after.unexplained_cents, after.history_cents) == (0, 0)
    assert after.available_cents + after.pending_cents == after.lines_cents
    new = [one for one in after.differences if one not in before.differences]
    assert [(one.cause, one.cents) for one in new] == [("top_up", 90_000)]
    assert of_kind(after, "transfer") - of_kind(before, "transfer") == -payout.amount_cents
    assert after.equal - before.equal >= 5


def test_what_its_event_never_told_is_found_by_reading(scene: GatewayScene) -> None:
    page = scene.opened(scene.money.approved())
    scene.gateway.pay(page.checkout_reference)
    payment = scene.booked(page)
    scene.gateway.move(payment.gateway_reference, "refund", -700)  # its webhook is lost
    with scene.money.web.begin(scene.money.accountant) as unit:
        ask_reading_now(unit)
    (reading,) = scene.column("SELECT id FROM gateway_reading WHERE read_at IS NULL")
    read_gateway(scene.money.worker, scene.gateway, reading)
    asked = scene.column(
        "SELECT (args ->> 'row_id')::bigint FROM jobs.procrastinate_jobs WHERE task_name = 'book_card_money'"
        " AND status = 'todo'"
    )
    assert payment.id in asked
    with scene.money.web.begin(scene.money.accountant) as unit:
        found = reconcile_gateway(unit, unit.today - timedelta(days=1), unit.today)
    assert ("of_no_payment", -700) in of(found, "of_no_payment")  # until that job has run
    assert ("of_no_payment", -700) not in of(read(scene), "of_no_payment", "to_be_booked")


def test_the_gateways_own_charges_are_booked_by_themselves_and_the_unknown_is_asked_for(scene: GatewayScene) -> None:
    read(scene)
    before = scene.books()
    scene.gateway.adjust("stripe_fee", -250)
    scene.gateway.adjust("adjustment", 4_321)
    found = read(scene)
    assert scene.changed(before) == {"512": -250, "627": 250}
    (line,) = [one.code for one in found.differences if (one.cause, one.cents) == ("adjustment", 4_321)]
    person = scene.money.accountant
    for account, party, error in (
        ("512", "", InvalidInput), ("999", "", InvalidInput), ("411", "", InvalidInput), ("411", "org_no", NotFound),
    ):  # fmt: skip
        with pytest.raises(error), scene.money.web.begin(person) as unit:
            explain_gateway_line(unit, line, account, party)
    with pytest.raises(Forbidden), scene.money.web.begin(scene.payer) as unit:
        explain_gateway_line(unit, line, "471")
    with scene.money.web.begin(person) as unit:
        explain_gateway_line(unit, line, "471")
    after = read(scene)
    assert line not in [one.code for one in after.differences]
    assert scene.changed(before) == {"471": -4_321, "512": 4_071, "627": 250}
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(person) as unit:
        explain_gateway_line(unit, line, "627")
    assert refusal.value.code == "line_known"
    with pytest.raises(CourtierError), scene.money.worker.begin() as unit:
        unit.run("UPDATE gateway_line SET amount_cents = 1 WHERE code = :code", code=line)


def test_money_goes_to_the_bank_once_and_comes_back_where_the_bank_refuses(scene: GatewayScene) -> None:
    scene.gateway.adjust("adjustment", 500_000)
    found = read(scene)
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.money.accountant) as unit:
        ask_gateway_payout(unit, found.available_cents + 1)
    assert refusal.value.code == "balance_short"
    with scene.money.web.begin(scene.money.accountant) as unit:
        payout = ask_gateway_payout(unit, 1_000)
        with pytest.raises(Conflict):  # what is asked for is not there any more
            ask_gateway_payout(unit, found.available_cents)
    (row,) = scene.column("SELECT id FROM gateway_payout WHERE code = :code", code=payout.code)
    before = scene.books()
    for _ in range(2):
        send_gateway_payout(scene.money.worker, scene.gateway, row)
    after = read(scene)
    assert scene.changed(before) == {}  # both stand on 512
    assert ("on_its_way", 1_000) in of(after, "on_its_way")
    assert after.unexplained_cents == 0
    scene.money.wait(24 * 9)
    assert ("not_at_bank", 1_000) in of(read(scene), "not_at_bank")
    (reference,) = scene.column("SELECT reference FROM gateway_payout WHERE id = :id", id=row)
    scene.webhook(scene.gateway.fail_payout(reference))
    back = read(scene)
    assert ("not_at_bank", 1_000) not in of(back, "not_at_bank")
    assert back.unexplained_cents == 0


def test_a_month_is_not_closed_over_lines_that_nobody_explained(scene: GatewayScene) -> None:
    scene.gateway.adjust("adjustment", 77)
    read(scene)
    with scene.money.web.begin(scene.money.accountant) as unit:
        found = month_findings(unit, SETTINGS, unit.today.replace(day=1))
    assert "gateway_differs" in [one.code for one in found if one.blocks]


def test_events_come_twice_late_in_any_order_and_about_nothing_of_ours(scene: GatewayScene) -> None:
    page = scene.opened(scene.money.approved())
    early = scene.gateway.move(page.checkout_reference, "refund", -100)
    paid = scene.gateway.pay(page.checkout_reference)
    strange = [
        signed_event("pi_of_somebody_else"),
        signed_event("x" * 300, "invoice.finalized", "invoice"),
        signed_event("sub_1", "a.kind.that.is.new", "a_thing_that_is_new"),
        signed_event(page.checkout_reference, "payment_intent.succeeded", account="acct_of_somebody"),
        signed_event("acct_nobody", "account.updated", "account", account="acct_nobody"),
    ]
    before = scene.books()
    assert [scene.webhook(event) for event in (*strange, *strange)] == [True] * 5 + [False] * 5
    assert (scene.changed(before), scene.payment(page.id).state) == ({}, "pending")
    outcomes = scene.column("SELECT outcome FROM webhook_event ORDER BY number DESC LIMIT 5")
    assert outcomes == ["unknown"] * 5
    assert [scene.webhook(event) for event in (early, paid, early, paid)] == [True, True, False, False]
    assert scene.booked(page).state == "captured"
    assert scene.changed(before)["512"] == page.amount_cents - 100
    body, signature = paid
    for forged in (signature[:-2] + "00", signature.replace("v1=", "v0="), ""):
        with pytest.raises(InvalidInput), scene.money.web.begin(PUBLIC) as unit:
            receive_webhook(unit, scene.gateway, body, forged)


def test_a_reading_is_for_staff(scene: GatewayScene) -> None:
    with pytest.raises(Forbidden), scene.money.web.begin(scene.owner) as unit:
        ask_reading_now(unit)
    with pytest.raises(Forbidden), scene.money.web.begin(scene.payer) as unit:
        reconcile_gateway(unit, date(2026, 1, 1), date(2026, 12, 31))
    with scene.money.web.begin(scene.owner) as unit:
        assert unit.scalar("SELECT count(*) FROM gateway_line") == 0


def test_what_differed_before_a_period_is_said_in_its_sums_and_not_again(scene: GatewayScene) -> None:
    scene.gateway.adjust("adjustment", -432)
    whole = read(scene)
    scene.money.wait(26)
    with scene.money.web.begin(scene.money.accountant) as unit:
        later = reconcile_gateway(unit, unit.today, unit.today)
    assert ("adjustment", -432) in of(whole, "adjustment")
    assert later.differences == ()
    assert (later.lines_cents, later.ledger_cents) == (whole.lines_cents, whole.ledger_cents)
    assert later.unexplained_cents == whole.unexplained_cents
