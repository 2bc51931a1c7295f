"""A softly closed month opens again by the word of two persons, and in no other way; a locked one never."""

from __future__ import annotations

import secrets
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from broker.billing.close_month import period_state
from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, Forbidden, InvalidInput
from broker.ledger.model import credit, debit
from broker.ledger.periods import set_period
from broker.ledger.post import post
from broker.ledger.reopen import answer_reopening, ask_reopening, list_reopenings
from tests.store.money_scene import MoneyScene, build_scene

FORBIDDEN = r"opened by two persons|permission denied"
LINES = [debit("512", 100), credit("471", 100)]


@pytest.fixture(scope="module")
def scene(admin_engine: Engine, worker_engine: Engine, web_engine: Engine) -> MoneyScene:
    return build_scene(admin_engine, worker_engine, web_engine)


@pytest.fixture
def month(scene: MoneyScene) -> date:
    """A month of its own, softly closed, with no closed month after it."""
    with scene.worker.begin() as unit:
        last: date = unit.scalar("SELECT coalesce(max(month), '2101-01-01') FROM ledger_period")
        # After every other closed month; beyond the days that other tests report on, before 2108: pages show no later.
        found = (max(last, date(2101, 1, 1)) + timedelta(days=31)).replace(day=1)
        set_period(unit, found, "soft_closed")
    return found


def late_entry(scene: MoneyScene, month: date) -> str:
    with scene.worker.begin() as unit:
        return str(post(unit, "OD", month, "P", "l", LINES, secrets.token_hex(8)).number)


def test_one_person_asks_and_another_one_opens(scene: MoneyScene, month: date) -> None:
    first, second = scene.person(), scene.person("broker")
    with pytest.raises(Conflict):
        late_entry(scene, month)
    with scene.web.begin(first) as unit:
        asked = ask_reopening(unit, month, "  a late   bank charge ")
    assert (asked.state, asked.reason, asked.asked_by) == ("asked", "a late bank charge", first.user_id)
    with pytest.raises(Conflict) as refusal, scene.web.begin(second) as unit:
        ask_reopening(unit, month, "me too")
    assert refusal.value.code == "reopening_asked"
    with pytest.raises(Forbidden) as eyes, scene.web.begin(first) as unit:
        answer_reopening(unit, asked.code, yes=True)
    assert eyes.value.code == "four_eyes"
    with scene.web.begin(second) as unit:
        assert answer_reopening(unit, asked.code, yes=True).state == "done"
        assert period_state(unit, month) == "open"
    assert late_entry(scene, month)
    with pytest.raises(Conflict) as refusal, scene.web.begin(second) as unit:
        answer_reopening(unit, asked.code, yes=True)
    assert refusal.value.code == "reopening_answered"
    with scene.worker.begin() as unit:  # closed anew, it takes no more; the evidence stays, in the audit chain as well
        set_period(unit, month, "soft_closed")
        rows = unit.all("SELECT action FROM audit_entry WHERE object_id = :m", m=f"{month:%Y-%m}")
    assert {"period.reopening_asked", "period.reopened"} <= {row.action for row in rows}
    with scene.web.begin(first) as unit:
        assert [one.state for one in list_reopenings(unit, month)] == ["done"]


def test_whoever_asked_may_take_it_back_and_the_other_may_refuse(scene: MoneyScene, month: date) -> None:
    first, second = scene.person(), scene.person()
    for who in (first, second):
        with scene.web.begin(first) as unit:
            asked = ask_reopening(unit, month, "why not")
        with scene.web.begin(who) as unit:
            assert answer_reopening(unit, asked.code, yes=False).state == "refused"
            assert period_state(unit, month) == "soft_closed"


def test_months_open_from_the_newest_back_and_a_locked_one_never(scene: MoneyScene, month: date) -> None:
    first, second = scene.person(), scene.person()
    later = (month + timedelta(days=31)).replace(day=1)
    with scene.web.begin(first) as unit:
        asked = ask_reopening(unit, month, "x")
    with scene.worker.begin() as unit:
        set_period(unit, later, "soft_closed")
    with pytest.raises(Conflict) as refusal, scene.web.begin(second) as unit:
        answer_reopening(unit, asked.code, yes=True)
    assert refusal.value.code == "later_closed"
    with scene.worker.begin() as unit:
        set_period(unit, month, "locked")
        set_period(unit, later, "locked")
    with pytest.raises(Conflict) as refusal, scene.web.begin(second) as unit:
        answer_reopening(unit, asked.code, yes=True)
    assert refusal.value.code == "period_locked"
    for locked in (month, later):
        with pytest.raises(Conflict) as refusal, scene.web.begin(first) as unit:
            ask_reopening(unit, locked, "x")
        assert refusal.value.code == "period_locked"


def test_who_may_not_and_what_lacks(scene: MoneyScene, month: date) -> None:
    for who, code in ((scene.owner, "forbidden"), (scene.accountant, "no_person")):
        with pytest.raises(Forbidden) as refusal, scene.web.begin(who) as unit:
            ask_reopening(unit, month, "x")
        assert refusal.value.code == code
    with pytest.raises(InvalidInput), scene.web.begin(scene.person()) as unit:
        ask_reopening(unit, month, "   ")
    with pytest.raises(Conflict) as refused, scene.web.begin(scene.person()) as unit:
        ask_reopening(unit, date(2100, 12, 1), "x")
    assert refused.value.code == "period_open"


def test_the_database_opens_no_month_without_two_persons(
    scene: MoneyScene, month: date, admin_engine: Engine, worker_engine: Engine, web_engine: Engine
) -> None:
    for engine in (admin_engine, worker_engine):
        for statement in ("UPDATE ledger_period SET state = 'open'", "DELETE FROM ledger_period"):
            with (
                pytest.raises(DBAPIError, match=FORBIDDEN),
                engine.begin() as connection,
            ):
                connection.execute(text(f"{statement} WHERE month = :month"), {"month": month})
    first = scene.person()
    with scene.web.begin(first) as unit:
        asked = ask_reopening(unit, month, "x")
    with pytest.raises(DBAPIError, match="permission denied"), Database(web_engine).begin(first) as unit:
        unit.run("UPDATE ledger_reopening SET state = 'done', answered_by = 1 WHERE code = :code", code=asked.code)
    with scene.worker.begin(Actor("accountant", scene.company, first.user_id)) as unit:  # as a command line would
        assert unit.scalar("SELECT answer_reopening(:code, true)", code=asked.code) == "four_eyes"
    with scene.worker.begin(scene.owner) as unit:
        assert unit.scalar("SELECT answer_reopening(:code, true)", code=asked.code) == "no_person"
    with pytest.raises(DBAPIError, match=r"four_eyes|stays"), admin_engine.begin() as connection:
        connection.execute(
            text("UPDATE ledger_reopening SET state = 'done', answered_by = asked_by WHERE code = :code"),
            {"code": asked.code},
        )
