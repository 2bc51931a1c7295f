"""Closing a month, on a database of its own: what stands in the way, what is accrued, what stays closed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import chain, count
from pathlib import Path

import pytest
from sqlalchemy import event

from broker.billing.close_checks import CHECKS, bounds, month_findings
from broker.billing.close_month import ask_close, close_answers, close_asked, close_month, period_state
from broker.billing.exports.export_fec import export_fec
from broker.billing.invoices.receipts import assign_receipt, book_receipt, receive_transfer
from broker.billing.settle import settle_mailing
from broker.kernel import clock
from broker.kernel.database import Database, make_engine
from broker.kernel.errors import Conflict
from broker.ledger.model import credit, debit
from broker.ledger.periods import set_period
from broker.ledger.post import post
from broker.ledger.reopen import answer_reopening, ask_reopening
from broker.ledger.store import balance, trial_balance
from broker.operate.database_server import DatabaseServer
from tests.databases import copy_of
from tests.store.money_scene import SETTINGS, MoneyScene, build_scene

HOURS = SETTINGS.trade.bounce_freeze_hours + 1


@pytest.fixture
def scene(migrated: DatabaseServer) -> Iterator[MoneyScene]:
    """A scene on a fresh database, at the 20th of next month."""
    with copy_of(migrated) as database:
        engines = {role: make_engine(database.url(role)) for role in ("admin", "worker", "web")}
        try:
            scene = build_scene(engines["admin"], engines["worker"], engines["web"])
            move_to(scene, 20)
            yield scene
        finally:
            for engine in engines.values():
                engine.dispose()


def move_to(scene: MoneyScene, day: int) -> None:
    """Move the clock to a day of the next month."""
    with scene.worker.begin() as unit:
        now = unit.now
        first = (now.replace(day=1) + timedelta(days=32)).replace(day=day, hour=12)
        clock.advance(unit.session, first - now)


def month_of(scene: MoneyScene) -> date:
    with scene.worker.begin() as unit:
        return unit.today.replace(day=1)


def codes(scene: MoneyScene, month: date) -> dict[str, bool]:
    with scene.web.begin(scene.accountant) as unit:
        return {found.code: found.blocks for found in month_findings(unit, SETTINGS, month)}


def balances(scene: MoneyScene, last: date) -> dict[str, int]:
    with scene.worker.begin() as unit:
        return {row.account: row.debit_cents - row.credit_cents for row in trial_balance(unit, last)}


def test_a_month_that_runs_is_not_closed(scene: MoneyScene) -> None:
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        close_month(unit, SETTINGS, month_of(scene))
    assert refusal.value.code == "month_running"
    # Nor is it asked for: the ask would wait, and lock the month by itself once it is over.
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        ask_close(unit, month_of(scene))
    assert refusal.value.code == "month_running"


def test_sends_billed_next_month_are_accrued_and_reversed_and_the_month_is_locked(scene: MoneyScene) -> None:
    month = month_of(scene)
    _, last = bounds(month)
    order = scene.on_credit()
    mailing, dispatch, _ = scene.mailing_of(order)
    scene.send(mailing, dispatch, 10_000, bounced=10)
    # the last hours of the month are over, the bounce time is not
    with scene.worker.begin() as unit:
        end = datetime.combine(last + timedelta(days=1), datetime.min.time(), tzinfo=unit.now.tzinfo)
        unit.run("UPDATE mailing SET ended_at = :at WHERE id = :id", at=end - timedelta(hours=3), id=mailing)
        clock.advance(unit.session, end + timedelta(hours=3) - unit.now)
    assert codes(scene, month) == {"in_freeze": False}
    with scene.worker.begin() as unit:
        first = close_month(unit, SETTINGS, month)
        entries = unit.scalar("SELECT count(*) FROM ledger_entry")
    assert (first.state, first.entries, first.accrued_cents, first.blocked) == ("locked", 4, 33_300, False)
    at_the_end = balances(scene, last)
    assert (at_the_end["4181"], at_the_end["706"], at_the_end["44587"]) == (39_960, -33_300, -6_660)
    assert (at_the_end["4081"], at_the_end["604"], at_the_end["44586"]) == (-31_968, 26_640, 5_328)
    assert {account: cents for account, cents in balances(scene, last + timedelta(days=1)).items() if cents} == {}
    with scene.worker.begin() as unit:
        again = close_month(unit, SETTINGS, month)
        assert (again.state, again.entries, again.findings) == ("locked", 0, ())
        assert unit.scalar("SELECT count(*) FROM ledger_entry") == entries
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        post(unit, "OD", last, "x", "x", [debit("512", 1), credit("471", 1)], "late")
    assert refusal.value.code == "period_closed"
    with pytest.raises(Conflict) as refusal, scene.worker.begin() as unit:
        set_period(unit, month, "open")
    assert refusal.value.code == "period_locked"
    scene.wait(HOURS)
    settle_mailing(scene.worker, SETTINGS, mailing)
    with scene.worker.begin() as unit:
        assert balance(unit, "706", None) == -33_300


def test_what_stands_in_the_way_keeps_the_month_open_until_it_is_mended(scene: MoneyScene) -> None:
    month = month_of(scene)
    order = scene.on_credit()
    mailing, dispatch, _ = scene.mailing_of(order)
    scene.send(mailing, dispatch, 10_000)
    with scene.web.begin(scene.accountant) as unit:
        receipt = receive_transfer(unit, 1_000, unit.today, "A-1")
    move_to(scene, 15)
    assert codes(scene, month) == {"to_settle": True, "unmatched_payments": True, "unbooked": True, "in_freeze": False}
    with scene.worker.begin() as unit:
        blocked = close_month(unit, SETTINGS, month)
        assert (blocked.blocked, blocked.state, blocked.entries) == (True, "open", 0)
        assert period_state(unit, month) == "open"
    book_receipt(scene.worker, receipt.id)
    settle_mailing(scene.worker, SETTINGS, mailing)
    with scene.web.begin(scene.accountant) as unit:
        assign_receipt(unit, receipt.code, scene.number(order, "invoice"))
    book_receipt(scene.worker, receipt.id)
    assert codes(scene, month) == {"in_freeze": False}
    with scene.web.begin(scene.accountant) as unit:
        asked = ask_close(unit, month, "soft_closed")
    for _ in range(2):
        close_asked(scene.worker, SETTINGS, asked)
    with scene.worker.begin() as unit:
        assert period_state(unit, month) == "soft_closed"
        assert close_month(unit, SETTINGS, month).state == "locked"
        (answer,) = close_answers(unit, month)
    assert [found["code"] for found in answer.findings or []] == ["in_freeze"]
    assert answer.checks_done == len(CHECKS)


def test_a_tampered_send_is_noticed(scene: MoneyScene) -> None:
    month = month_of(scene)
    order = scene.on_credit()
    mailing, dispatch, _ = scene.mailing_of(order)
    scene.send(mailing, dispatch, 10_000)
    scene.wait(HOURS)
    settle_mailing(scene.worker, SETTINGS, mailing)
    assert codes(scene, month) == {}
    change = "UPDATE send SET price_micros = price_micros + :n WHERE mailing_id = :id AND position = 7"
    with scene.worker.begin() as unit:
        unit.run(change, id=mailing, n=1)
    assert codes(scene, month) == {"unequal": True}
    with scene.worker.begin() as unit:
        unit.run(change, id=mailing, n=-1)
    assert codes(scene, month) == {}
    with scene.worker.begin() as unit:  # nor may the sums that reports read differ
        unit.run(
            "UPDATE settled_accrual SET gross_micros = gross_micros + 1, owner_micros = owner_micros + 1"
            " WHERE mailing_id = :id",
            id=mailing,
        )
    assert codes(scene, month) == {"unequal": True}


def test_a_leap_february_is_cut_off_on_its_29th_opened_again_and_closed_without_a_second_cut_off(
    scene: MoneyScene, tmp_path: Path
) -> None:
    leap = date(2028, 2, 29)
    with scene.worker.begin() as unit:
        noon = datetime.combine(leap, datetime.min.time(), tzinfo=unit.now.tzinfo) + timedelta(hours=12)
        clock.advance(unit.session, noon - unit.now)
        assert unit.today == leap
    order = scene.on_credit()
    mailing, dispatch, _ = scene.mailing_of(order)
    scene.send(mailing, dispatch, 10_000)
    assert dispatch // 1_000_000 >= 202_802
    scene.wait(24)
    with scene.worker.begin() as unit:
        assert unit.today == date(2028, 3, 1)
        closed = close_month(unit, SETTINGS, leap, "soft_closed")
    assert (closed.state, closed.entries, closed.accrued_cents) == ("soft_closed", 4, 33_333)
    assert balances(scene, leap)["4181"] == 40_000
    assert balances(scene, date(2028, 2, 28)).get("4181", 0) == 0
    first, second = scene.person(), scene.person()
    with scene.web.begin(first) as unit:
        asked = ask_reopening(unit, leap, "a late charge")
    with scene.web.begin(second) as unit:
        answer_reopening(unit, asked.code, yes=True)
    with scene.worker.begin() as unit:
        post(unit, "BQ", leap, "FRAIS", "Frais", [debit("627", 100), credit("512", 100)], "late-charge")
        again = close_month(unit, SETTINGS, leap)
        assert (again.state, again.entries) == ("locked", 0)
    assert {account: cents for account, cents in balances(scene, date(2028, 3, 1)).items() if cents} == {
        "627": 100,
        "512": -100,
    }
    scene.wait(HOURS)
    settle_mailing(scene.worker, SETTINGS, mailing)
    with scene.worker.begin() as unit:
        due = unit.scalar("SELECT due_on - issued_on FROM invoice WHERE kind = 'invoice'")
        fec = export_fec(unit, "732829320", date(2027, 3, 1), leap, tmp_path)
    assert due == 30
    assert fec.files[0].name == "732829320FEC20280229.txt"
    assert fec.debit_cents == fec.credit_cents > 0


WRITES = ("INSERT", "UPDATE", "DELETE", "SELECT JOBS.ENQUEUE", "COMMIT")


def died(scene: MoneyScene, close_id: int, point: int) -> bool:
    """Have a process of its own treat an ask, and end it by SIGKILL just before its n-th writing statement."""
    url = scene.worker.engine.url.render_as_string(hide_password=False)
    child = os.fork()
    if child == 0:
        try:
            engine, seen = make_engine(url, 2), count(1)

            def look(connection: object, cursor: object, statement: str, *_: object) -> None:
                if statement.lstrip().upper().startswith(WRITES) and next(seen) == point:
                    os.kill(os.getpid(), signal.SIGKILL)

            event.listen(engine, "before_cursor_execute", look)
            close_asked(Database(engine), SETTINGS, close_id)
            os._exit(0)
        except BaseException:
            os._exit(3)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL)
    return code != 0


def test_a_close_killed_before_any_of_its_writes_leaves_nothing_and_run_again_finishes(scene: MoneyScene) -> None:
    month = month_of(scene)
    _, last = bounds(month)
    mailing, dispatch, _ = scene.mailing_of(scene.on_credit())
    scene.send(mailing, dispatch, 10_000)
    with scene.worker.begin() as unit:
        end = datetime.combine(last + timedelta(days=1), datetime.min.time(), tzinfo=unit.now.tzinfo)
        unit.run("UPDATE mailing SET ended_at = :at WHERE id = :id", at=end - timedelta(hours=3), id=mailing)
        clock.advance(unit.session, end + timedelta(hours=3) - unit.now)
    with scene.web.begin(scene.accountant) as unit:
        close_id = ask_close(unit, month)
    ledger = (
        "SELECT (SELECT count(*) FROM ledger_entry), (SELECT count(*) FROM ledger_posting),"
        " (SELECT count(*) FROM ledger_match_line), (SELECT coalesce(sum(debit_cents), 0) FROM ledger_balance),"
        " (SELECT count(*) FROM ledger_period WHERE state <> 'open'), (SELECT count(*) FROM ledger_close WHERE done_at"
        " IS NOT NULL)"
    )

    def books() -> tuple[int, ...]:
        with scene.worker.begin() as unit:
            row = unit.one(ledger)
        assert row is not None
        return tuple(row)

    before, deaths = books(), 0
    for point in chain((1,), count(len(CHECKS), 4)):  # each check is noted by itself, then the books are written
        if not died(scene, close_id, point):
            break
        assert books() == before
        deaths += 1
    assert deaths > 4
    after = books()
    assert after[0] == before[0] + 4  # two cut-offs and their reversals, once
    assert (after[4], after[5]) == (before[4] + 1, before[5] + 1)
    close_asked(scene.worker, SETTINGS, close_id)
    with scene.worker.begin() as unit:
        assert close_month(unit, SETTINGS, month).entries == 0
    assert books() == after
    with scene.web.begin(scene.accountant) as unit:
        (answer,) = close_answers(unit, month)
        assert (period_state(unit, month), answer.checks_done) == ("locked", len(CHECKS))
