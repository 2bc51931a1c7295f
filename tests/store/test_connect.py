"""Owners paid by transfers to accounts of their own: papers, four eyes, refusals, money taken back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import Engine

from broker.billing.bank.bank_model import Payout
from broker.billing.bank.freeze_org import freeze_organisation, thaw_organisation
from broker.billing.bank.payout_holds import clear_hold, hold_payouts, release_hold
from broker.billing.bank.payouts import approve_payout, book_payout, fail_payout, find_payout, propose_payouts
from broker.billing.bank.reconcile_bank import reconcile_bank
from broker.billing.gateway.connect import (
    ask_connect,
    find_connect,
    list_connect,
    open_account,
    open_connect,
    papers_address,
)
from broker.billing.gateway.reversals import (
    approve_reversal,
    drop_reversal,
    list_reversals,
    propose_reversals,
    reverse_transfer,
)
from broker.billing.gateway.transfers import send_transfer
from broker.kernel.errors import Conflict, CourtierError, Forbidden, NotFound
from broker.ledger.model import credit, debit
from broker.ledger.post import post
from broker.ledger.store import entry_balance
from tests.store.gateway_scene import SETTINGS, GatewayScene, build_gateway_scene

FAR = date(2030, 12, 31)


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> GatewayScene:
    built = build_gateway_scene(admin_engine, worker_engine, web_engine)
    built.gateway.adjust("topup", 10_000_000)
    return built


def paid_order(scene: GatewayScene, sends: int = 2_500) -> int:
    """An order that is settled: its owner is due; the mailing."""
    return scene.money.settled(scene.money.paid(), sends)


def proposed(scene: GatewayScene) -> Payout:
    with scene.money.web.begin(scene.money.person()) as unit:
        return next(one for one in propose_payouts(unit, SETTINGS, FAR) if one.owner_id == scene.owner.org)


def approved(scene: GatewayScene) -> Payout:
    payout = proposed(scene)
    with scene.money.web.begin(scene.money.person()) as unit:
        return approve_payout(unit, payout.code)


def sent(scene: GatewayScene, payout: Payout) -> Payout:
    for _ in range(2):
        send_transfer(scene.money.worker, scene.gateway, payout.id)
        book_payout(scene.money.worker, payout.id)
    with scene.money.web.begin(scene.money.accountant) as unit:
        return find_payout(unit, payout.code)


def transfers(scene: GatewayScene, payout: Payout) -> list[int]:
    return scene.column(
        "SELECT (body->>'amount')::bigint FROM fake_gateway_object WHERE kind = 'transfer'"
        " AND body->>'transfer_group' = :code",
        code=payout.code,
    )


def test_an_owner_opens_its_account_and_gives_its_papers(scene: GatewayScene) -> None:
    closed = replace(SETTINGS, payment=replace(SETTINGS.payment, connect=False))
    with pytest.raises(Conflict) as refusal, scene.money.web.begin(scene.owner) as unit:
        open_account(unit, closed)
    assert refusal.value.code == "connect_closed"
    with scene.money.web.begin(scene.owner) as unit:
        account = open_account(unit, SETTINGS)
        assert open_account(unit, SETTINGS).code == account.code
        assert account.standing == "asked"
    for _ in range(2):
        open_connect(scene.money.worker, SETTINGS, scene.gateway, account.id)
    with scene.money.web.begin(scene.owner) as unit:
        first, second = (papers_address(unit, SETTINGS, scene.gateway) for _ in range(2))
        found = find_connect(unit)
    assert found is not None
    assert first.endswith(found.reference)
    assert second.endswith(found.reference)
    made = scene.column("SELECT count(*) FROM fake_gateway_object WHERE kind = 'account'")
    assert scene.webhook(scene.gateway.onboard(found.reference, "external_account"))
    with scene.money.web.begin(scene.owner) as unit:
        missing = find_connect(unit)
    assert missing is not None
    assert (missing.standing, missing.due) == ("papers", ("external_account",))
    scene.webhook(scene.gateway.onboard(found.reference))
    with scene.money.web.begin(scene.money.accountant) as unit:
        assert next(one for one in list_connect(unit) if one.code == account.code).standing == "ready"
        ask_connect(unit, account.code)
        with pytest.raises(NotFound):
            ask_connect(unit, "conn_nobody")
    with scene.money.web.begin(scene.money.stranger) as unit:
        assert find_connect(unit) is None
        assert unit.scalar("SELECT count(*) FROM connect_account") == 0
    assert scene.column("SELECT count(*) FROM fake_gateway_object WHERE kind = 'account'") == made


def cause(scene: GatewayScene, code: str) -> list[str]:
    """Why no statement of the bank shows an entry."""
    with scene.money.web.begin(scene.money.accountant) as unit:
        found = reconcile_bank(unit, date(2020, 1, 1), FAR)
    return [one.cause for one in found.differences if one.reference == code]


def test_a_payout_is_a_transfer_under_four_eyes_booked_once(scene: GatewayScene) -> None:
    scene.ready_owner()
    paid_order(scene)
    payout, person = proposed(scene), scene.money.person()
    assert (payout.via, transfers(scene, payout)) == ("connect", [])
    send_transfer(scene.money.worker, scene.gateway, payout.id)  # not approved: nothing moves
    assert transfers(scene, payout) == []
    with scene.money.web.begin(person) as unit:
        approve_payout(unit, payout.code)
    before = scene.books()
    after = sent(scene, payout)
    assert (after.state, after.via, transfers(scene, payout)) == ("paid", "connect", [payout.amount_cents])
    assert cause(scene, payout.code) == ["on_gateway"]
    assert scene.changed(before) == {"401": payout.amount_cents, "512": -payout.amount_cents}
    with pytest.raises(Conflict), scene.money.web.begin(person) as unit:
        fail_payout(unit, payout.code, "too late")


def test_what_the_gateway_refuses_is_tried_again_under_another_key(scene: GatewayScene) -> None:
    scene.ready_owner()
    paid_order(scene)
    payout = approved(scene)
    scene.gateway.adjust("adjustment", -9_000_000_000)  # nothing is available
    waiting = sent(scene, payout)
    assert (waiting.state, waiting.problem, waiting.asked) == ("approved", "balance_insufficient", False)
    scene.gateway.adjust("adjustment", 9_000_000_000)
    assert (sent(scene, payout).state, transfers(scene, payout)) == ("paid", [payout.amount_cents])


def test_a_frozen_owner_or_one_with_papers_due_is_not_paid(scene: GatewayScene) -> None:
    reference = scene.ready_owner()
    paid_order(scene)
    payout = approved(scene)
    with scene.money.web.begin(scene.money.person()) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        freeze_organisation(unit, owner, "account changed by phone")
    assert sent(scene, payout).problem == "transfer_frozen"
    with scene.money.web.begin(scene.money.person()) as unit:
        thaw_organisation(unit, owner)
    scene.webhook(scene.gateway.onboard(reference, "individual.verification.document"))
    assert sent(scene, payout).problem == "account_not_ready"
    assert transfers(scene, payout) == []
    scene.webhook(scene.gateway.onboard(reference))
    assert sent(scene, payout).state == "paid"


def test_to_an_owner_whose_payouts_are_held_nothing_is_sent_and_what_has_left_is_booked(scene: GatewayScene) -> None:
    scene.ready_owner()
    paid_order(scene)
    payout = approved(scene)
    with scene.money.web.begin(scene.money.person()) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        hold = hold_payouts(unit, owner, "account changed by phone")
    assert (sent(scene, payout).problem, transfers(scene, payout)) == ("transfer_held", [])
    (account,) = scene.column(
        "SELECT a.reference FROM payout p JOIN connect_account a ON a.id = p.connect_account_id WHERE p.id = :id",
        id=payout.id,
    )
    with scene.money.worker.begin() as unit:  # as if it had been asked for just before, and the worker was killed
        unit.run("UPDATE payout SET transfer_asked_at = app_now() WHERE id = :id", id=payout.id)
    assert (sent(scene, payout).state, transfers(scene, payout)) == ("approved", [])
    scene.gateway.create_transfer(
        {"amount": payout.amount_cents, "currency": "eur", "destination": account, "transfer_group": payout.code},
        f"{payout.code}:0",
    )
    assert (sent(scene, payout).state, transfers(scene, payout)) == ("paid", [payout.amount_cents])
    with scene.money.web.begin(scene.money.person()) as unit:
        clear_hold(unit, hold.code, "it was theirs")
    with scene.money.web.begin(scene.money.person()) as unit:
        release_hold(unit, hold.code)


def test_a_key_that_may_be_forgotten_is_not_relied_on(scene: GatewayScene) -> None:
    scene.ready_owner()
    paid_order(scene)
    payout = approved(scene)
    with scene.money.worker.begin() as unit:
        unit.run("UPDATE payout SET transfer_asked_at = app_now() WHERE id = :id", id=payout.id)
    (account,) = scene.column(
        "SELECT a.reference FROM payout p JOIN connect_account a ON a.id = p.connect_account_id WHERE p.id = :id",
        id=payout.id,
    )
    made = scene.gateway.create_transfer(
        {"amount": payout.amount_cents, "currency": "eur", "destination": account, "transfer_group": payout.code},
        "a key that was lost",
    )
    scene.money.wait(30)
    assert sent(scene, payout).state == "paid"
    assert scene.column("SELECT transfer_reference FROM payout WHERE id = :id", id=payout.id) == [made.reference]
    assert transfers(scene, payout) == [payout.amount_cents]


def credited(scene: GatewayScene, cents: int) -> str:
    """A correction of the owner's bills, as a contest or returned mail leaves it."""
    with scene.money.worker.begin() as unit:
        bill = unit.one(
            "SELECT i.* FROM invoice i JOIN payout_line l ON l.invoice_id = i.id JOIN payout p ON p.id = l.payout_id"
            " WHERE i.kind = 'self_bill' AND i.seller_id = :org AND p.state = 'paid' ORDER BY i.id DESC LIMIT 1",
            org=scene.owner.org,
        )
        assert bill is not None
        number = f"AV-{cents}-{bill.id}"
        unit.run(
            "INSERT INTO invoice (number, kind, type_code, seller_id, buyer_id, corrects_id, vat_bp, issued_on, due_on,"
            " net_cents, vat_cents, total_cents, pdf) VALUES (:number, 'owner_credit', 261, :seller, :buyer, :bill, 0,"
            " :day, :day, :cents, 0, :cents, 'x')",
            number=number,
            seller=bill.seller_id,
            buyer=bill.buyer_id,
            bill=bill.id,
            day=unit.today,
            cents=cents,
        )
    return number


def test_what_was_paid_too_much_is_taken_back_under_four_eyes(scene: GatewayScene) -> None:
    scene.ready_owner()
    paid_order(scene)
    payout = sent(scene, approved(scene))
    number, person = credited(scene, 1_234), scene.money.person()
    with scene.money.worker.begin() as unit:  # 10.28 and VAT of 2.06, which waited for the payment
        lines = [debit("401", 1_234, scene.owner.org), credit("604", 1_028), credit("44564", 206)]
        post(unit, "OD", unit.today, number, "Avoir", lines, f"invoice:{number}")
    with scene.money.web.begin(person) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        (reversal,) = propose_reversals(unit, owner, "1,000 mails came back")
        with pytest.raises(Conflict) as refusal:
            propose_reversals(unit, owner, "again")
        assert refusal.value.code == "nothing_owed"
        with pytest.raises(Forbidden):
            approve_reversal(unit, reversal.code)
    assert (reversal.payout, reversal.amount_cents, reversal.invoices) == (payout.code, 1_234, (number,))
    reverse_transfer(scene.money.worker, scene.gateway, reversal.id)  # not approved
    before = scene.books()
    assert scene.changed(before) == {}
    with scene.money.web.begin(scene.money.person()) as unit:
        approve_reversal(unit, reversal.code)
    for _ in range(2):
        reverse_transfer(scene.money.worker, scene.gateway, reversal.id)
    assert scene.changed(before) == {"401": -1_234, "512": 1_234}
    with scene.money.worker.begin() as unit:
        key = f"reversal_of_transfer:{reversal.code}"
        assert (entry_balance(unit, key, "44564"), entry_balance(unit, key, "44566")) == (206, -206)
    assert cause(scene, reversal.code) == ["on_gateway"]
    with scene.money.web.begin(scene.owner) as unit:
        assert [(one.code, one.state) for one in list_reversals(unit)] == [(reversal.code, "done")]
    with scene.money.web.begin(scene.money.stranger) as unit:
        assert list_reversals(unit) == []
    paid_order(scene)  # the correction is settled: the next payout does not net it once more
    assert number not in proposed(scene).invoices


def test_no_statement_of_a_front_approves_its_own_reversal(scene: GatewayScene) -> None:
    scene.ready_owner()
    paid_order(scene)
    sent(scene, approved(scene))
    credited(scene, 11)
    person = scene.money.person()
    with scene.money.web.begin(person) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        (reversal,) = propose_reversals(unit, owner, "x")
    with pytest.raises(CourtierError), scene.money.web.begin(person) as unit:
        unit.run("UPDATE transfer_reversal SET state = 'approved', approved_by = 1 WHERE id = :id", id=reversal.id)
    with scene.money.web.begin(scene.money.person()) as unit:
        drop_reversal(unit, reversal.code)


def test_workers_at_once_transfer_once(scene: GatewayScene) -> None:
    scene.ready_owner()
    paid_order(scene)
    payout = approved(scene)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: send_transfer(scene.money.worker, scene.gateway, payout.id), range(4)))
    assert transfers(scene, payout) == [payout.amount_cents]


def test_a_reversal_that_is_dropped_nets_into_the_next_payout(scene: GatewayScene) -> None:
    scene.ready_owner()
    paid_order(scene)
    sent(scene, approved(scene))
    number = credited(scene, 77)
    with scene.money.web.begin(scene.money.person()) as unit:
        owner = unit.scalar("SELECT code FROM organisation WHERE id = :id", id=scene.owner.org)
        (reversal,) = propose_reversals(unit, owner, "x")
        drop_reversal(unit, reversal.code)
    paid_order(scene)
    assert number in proposed(scene).invoices
    too_much = credited(scene, 90_000_000)
    with scene.money.web.begin(scene.money.person()) as unit, pytest.raises(Conflict) as refusal:
        propose_reversals(unit, owner, "x")
    assert refusal.value.code == "reversal_exceeds"
    with scene.money.worker.begin() as unit:  # two that together exceed the transfer, whatever code asks for them
        payout = unit.scalar("SELECT max(id) FROM payout WHERE owner_id = :org AND state = 'paid'", org=scene.owner.org)
    twice = (
        "INSERT INTO transfer_reversal (code, payout_id, owner_id, amount_cents, reason, proposed_by)"
        " SELECT :code || n, id, owner_id, amount_cents, 'x', proposed_by FROM payout, generate_series(1, 2) n"
        " WHERE id = :id"
    )
    with pytest.raises(CourtierError), scene.money.worker.begin() as unit:
        unit.run(twice, code=f"rev_{too_much}", id=payout)
