"""Overdue invoices: steps and letters, holds, instalments, interest to the day, claims, new orders that stop."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from broker.billing.dunning.dunning import DunningRun, post_dunning, run_dunning
from broker.billing.dunning.late_claims import claim_interest, issue_claim
from broker.billing.dunning.overdue import (
    agree_instalments,
    end_hold,
    find_overdue,
    hold_invoice,
    letter_file,
    list_letters,
    list_overdue,
    list_paid_late,
    set_rate,
)
from broker.billing.invoices.find_invoice import find_invoice
from broker.billing.invoices.receipts import book_receipt, receive_transfer
from broker.delivery.converse import ConnectionLost
from broker.kernel.errors import Conflict, CourtierError, InvalidInput, NotFound, Unavailable
from broker.ledger.store import balance
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

DAY = 24
TOTAL = 119_999  # 30,000 sends of 33,333 micro-euro, and VAT


@pytest.fixture
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


def owed(scene: MoneyScene) -> str:
    """The number of an invoice that is paid after its issue."""
    order = scene.on_credit()
    scene.settled(order, 30_000)
    return scene.number(order, "invoice")


def person_of_customer(scene: MoneyScene) -> None:
    with scene.worker.begin() as unit:
        unit.run(
            "INSERT INTO app_user (org_id, email, name, role, password_hash)"
            " VALUES (:org, :mail, 'A', 'advertiser', 'x')",
            org=scene.advertiser.org,
            mail=f"{secrets.token_hex(6)}@example.test",
        )


def run(scene: MoneyScene) -> list[str]:
    """Write what is due; the codes of the letters to this scene's customer."""
    made: DunningRun = run_dunning(scene.worker, SETTINGS)
    with scene.web.begin(scene.advertiser) as unit:
        return [letter.code for letter in list_letters(unit) if letter.code in made.letters]


def pay(scene: MoneyScene, number: str, cents: int) -> None:
    with scene.web.begin(scene.accountant) as unit:
        receipt = receive_transfer(unit, cents, unit.today, f"{number} {secrets.token_hex(4)}", "Manteaux", number)
    book_receipt(scene.worker, receipt.id)


def late(scene: MoneyScene, days: int) -> None:
    """From the issue to so many days after the due date (30 days after the issue)."""
    scene.wait((30 + days) * DAY)


def test_each_step_is_written_once_and_none_is_left_out(scene: MoneyScene) -> None:
    number = owed(scene)
    person_of_customer(scene)
    assert run(scene) == []
    late(scene, 40)  # past all three days: the first letter is the friendly one all the same
    levels = []
    for wait in (0, 0, 6, 1, 7, 30):
        scene.wait(wait * DAY)
        levels.append(len(run(scene)))
    assert levels == [1, 0, 0, 1, 1, 0]
    with scene.web.begin(scene.advertiser) as unit:
        letters = list_letters(unit, number)
        assert [letter.level for letter in letters] == [3, 2, 1]
        assert letter_file(unit, letters[0].code).startswith(b"%PDF")
    with scene.web.begin(scene.accountant) as unit:
        assert all(letter.mails == ("waiting",) for letter in list_letters(unit, number))
    with pytest.raises(NotFound), scene.web.begin(scene.stranger) as unit:
        letter_file(unit, letters[0].code)


def test_a_formal_notice_stops_new_orders_until_the_money_is_there(scene: MoneyScene) -> None:
    number = owed(scene)
    late(scene, 40)
    for wait in (0, 8, 8):
        scene.wait(wait * DAY)
        run(scene)
    with pytest.raises(Conflict) as refusal:
        scene.ordered()
    assert refusal.value.code == "overdue_stop"
    with scene.web.begin(scene.person()) as unit:
        hold_invoice(unit, number, "The customer says that half of it was not sent")
    scene.ordered()
    with scene.web.begin(scene.person()) as unit:
        end_hold(unit, number)
    with pytest.raises(Conflict):
        scene.ordered()
    pay(scene, number, TOTAL)
    scene.ordered()


def test_nothing_is_written_about_what_is_held_or_paid(scene: MoneyScene) -> None:
    number = owed(scene)
    late(scene, 6)
    with scene.web.begin(scene.person()) as unit:
        hold_invoice(unit, number, "In dispute", unit.today + timedelta(days=3))
        with pytest.raises(Conflict) as refusal:
            hold_invoice(unit, number, "again")
        assert refusal.value.code == "held_already"
    assert run(scene) == []
    scene.wait(4 * DAY)
    assert len(run(scene)) == 1  # the hold had a last day
    scene.wait(20 * DAY)
    pay(scene, number, TOTAL)
    assert run(scene) == []


def test_interest_grows_by_the_day_on_what_is_open_and_is_claimed_once(scene: MoneyScene) -> None:
    number = owed(scene)
    late(scene, 10)
    pay(scene, number, 60_000)
    scene.wait(10 * DAY)
    with scene.web.begin(scene.accountant) as unit:
        found = find_overdue(unit, SETTINGS, number)
        days = {cents: sum(one.days for one in found.stretches if one.late_cents == cents) for cents in (TOTAL, 59_999)}
        assert days == {TOTAL: 10, 59_999: 10}  # a new half-year parts a stretch
        exact = sum(one.late_cents * one.days * one.bp for one in found.stretches)
        assert found.interest_cents == round(exact / 3_650_000)
        assert (found.late_cents, found.recovery_cents) == (59_999, 4_000)
        claim_interest(unit, number)
        with pytest.raises(Conflict) as refusal:
            claim_interest(unit, number)
        assert refusal.value.code in ("nothing_late", "claim_day")
    interest = found.interest_cents
    with scene.worker.begin() as unit:
        claim = unit.scalar("SELECT max(id) FROM late_claim")
        before = balance(unit, "7631", None), balance(unit, "7588", None), balance(unit, "44571", None)
    for _ in range(2):
        issue_claim(scene.worker, SETTINGS, claim)
    with scene.worker.begin() as unit:
        after = balance(unit, "7631", None), balance(unit, "7588", None), balance(unit, "44571", None)
        document = unit.one("SELECT number, vat_cents, total_cents FROM invoice WHERE kind = 'claim' ORDER BY id DESC")
        assert balance(unit, "411", scene.advertiser.org) == 59_999 + interest + 4_000
    assert [b - a for a, b in zip(before, after, strict=True)] == [-interest, -4_000, 0]
    assert document is not None
    assert (document.vat_cents, document.total_cents) == (0, interest + 4_000)
    scene.wait(5 * DAY)
    with scene.web.begin(scene.accountant) as unit:
        again = find_overdue(unit, SETTINGS, number)
        assert sum(one.days for one in again.stretches) == 5
        assert again.recovery_cents == 0
        assert document.number in [one.number for one in list_overdue(unit, SETTINGS)]
    pay(scene, document.number, interest + 4_000)
    pay(scene, number, 59_999)
    with scene.worker.begin() as unit:
        assert balance(unit, "411", scene.advertiser.org) == 0
    with scene.web.begin(scene.accountant) as unit:  # paid: what grew since the claim can still be claimed
        assert [one.interest_cents for one in list_paid_late(unit, SETTINGS) if one.number == number] == [
            again.interest_cents
        ]
    with scene.web.begin(scene.advertiser) as unit:
        shown = find_invoice(unit, document.number)
        assert shown.kind == "claim"
        assert shown.seller_name  # who owes it reads who asks for it


def test_days_agreed_for_parts_take_the_due_dates_place(scene: MoneyScene) -> None:
    number = owed(scene)
    late(scene, 3)
    with scene.web.begin(scene.person()) as unit:
        first, second = unit.today + timedelta(days=10), unit.today + timedelta(days=40)
        with pytest.raises(InvalidInput):
            agree_instalments(unit, number, [(first, 60_000), (second, 60_000)])
        agree_instalments(unit, number, [(first, 60_000), (second, 59_999)])
        with pytest.raises(Conflict):
            agree_instalments(unit, number, [(first, TOTAL)])
    with scene.web.begin(scene.accountant) as unit:  # no longer late, and still to be looked at
        found = find_overdue(unit, SETTINGS, number)
        assert (found.late_cents, found.days_late, found.recovery_cents, found.due_on) == (0, 0, 0, first)
    scene.wait(9 * DAY)
    assert run(scene) == []
    scene.wait(7 * DAY)  # six days after the first part
    assert len(run(scene)) == 1
    with scene.web.begin(scene.accountant) as unit:
        assert find_overdue(unit, SETTINGS, number).late_cents == 60_000
    pay(scene, number, 60_000)
    scene.wait(20 * DAY)
    assert run(scene) == []
    scene.wait(10 * DAY)  # the second part is late: its steps begin anew
    assert len(run(scene)) == 1
    with scene.web.begin(scene.accountant) as unit:
        assert [letter.level for letter in list_letters(unit, number)] == [1, 1]


def test_a_letter_is_mailed_once_and_waits_while_no_relay_answers(scene: MoneyScene) -> None:
    owed(scene)
    person_of_customer(scene)
    late(scene, 6)
    run(scene)
    with scene.worker.begin() as unit:
        mail = unit.scalar("SELECT max(id) FROM dunning_mail")
    told: list[str] = []

    class Said:
        state = "accepted"

    def away(*_: object) -> object:
        raise ConnectionLost("no relay")

    def relay(worker: object, settings: object, note: object, may_leave: object) -> object:
        if may_leave():  # type: ignore[operator]
            told.append(note.subject)  # type: ignore[attr-defined]
        return Said()

    with pytest.raises(Unavailable):
        post_dunning(scene.worker, None, SETTINGS, mail, away)  # type: ignore[arg-type]
    for _ in range(2):
        post_dunning(scene.worker, None, SETTINGS, mail, relay)  # type: ignore[arg-type]
    assert len(told) == 1
    assert told[0].startswith("Payment reminder: F")
    with scene.worker.begin() as unit:
        assert unit.scalar("SELECT state FROM dunning_mail WHERE id = :id", id=mail) == "sent"


def test_an_earlier_step_may_stop_orders_by_the_settings(scene: MoneyScene) -> None:
    owed(scene)
    late(scene, 6)
    settings = replace(SETTINGS, dunning=replace(SETTINGS.dunning, stop_level=1))
    assert run_dunning(scene.worker, settings).stopped >= 1
    with pytest.raises(CourtierError):
        scene.ordered()


def test_a_rate_is_entered_once_for_a_half_year(scene: MoneyScene) -> None:
    with scene.web.begin(scene.accountant) as unit:
        with pytest.raises(InvalidInput):
            set_rate(unit, "ecb", date(2090, 2, 1), 200)
        set_rate(unit, "ecb", date(2090, 7, 1), 200)
        with pytest.raises(Conflict):
            set_rate(unit, "ecb", date(2090, 7, 1), 210)
    with pytest.raises(CourtierError), scene.web.begin(scene.advertiser) as unit:
        set_rate(unit, "ecb", date(2091, 1, 1), 200)
