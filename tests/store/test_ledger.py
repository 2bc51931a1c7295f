"""The ledger: what the code refuses, the database refuses as well."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from broker.kernel.actor import Actor
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, IntegrityFault
from broker.ledger.model import credit, debit
from broker.ledger.periods import set_period
from broker.ledger.post import post, reverse
from broker.ledger.read import balance, list_entries

DAY = date(2026, 3, 31)


def _lines(cents: int = 1200) -> list:
    return [debit("512", cents), credit("4191", cents - 200), credit("44571", 200)]


@pytest.fixture
def ledger(worker_engine: Engine) -> Database:
    return Database(worker_engine)


def test_the_same_key_posts_once(ledger: Database) -> None:
    key = secrets.token_hex(8)
    with ledger.begin() as unit:
        first = post(unit, "BQ", DAY, "P1", "Prepayment", _lines(), key)
    with ledger.begin() as unit:
        again = post(unit, "BQ", DAY, "other", "other", _lines(5_000), key)
    assert again == first
    assert [line.account for line in first.lines] == ["512", "4191", "44571"]


def test_an_unbalanced_entry_is_refused_by_the_code(ledger: Database) -> None:
    with pytest.raises(IntegrityFault), ledger.begin() as unit:
        post(unit, "BQ", DAY, "P", "l", [debit("512", 100), credit("706", 99)], secrets.token_hex(8))
    with pytest.raises(IntegrityFault), ledger.begin() as unit:
        post(unit, "BQ", DAY, "P", "l", [debit("512", 0), credit("706", 0)], secrets.token_hex(8))


@pytest.mark.parametrize("amounts", [(100, 99), (None, None)])
def test_an_unbalanced_or_empty_entry_is_refused_by_the_database(
    worker_engine: Engine, amounts: tuple[int | None, int | None]
) -> None:
    with worker_engine.connect() as connection:
        connection.begin()
        entry = connection.execute(
            text(
                "INSERT INTO ledger_entry (journal, number, day, piece_ref, piece_day, label, idempotency_key)"
                " VALUES ('OD', (SELECT coalesce(max(number), 0) + 1 FROM ledger_entry), '2026-01-01', 'P',"
                " '2026-01-01', 'raw', :key) RETURNING id"
            ),
            {"key": secrets.token_hex(8)},
        ).scalar_one()
        if amounts[0] is not None:
            connection.execute(
                text(
                    "INSERT INTO ledger_posting (entry_id, line, account, debit_cents, credit_cents)"
                    " VALUES (:e, 1, '512', :d, 0), (:e, 2, '706', 0, :c)"
                ),
                {"e": entry, "d": amounts[0], "c": amounts[1]},
            )
        with pytest.raises(IntegrityError, match="not balanced"):
            connection.commit()


def test_a_line_cannot_be_added_to_a_balanced_entry(ledger: Database, worker_engine: Engine) -> None:
    with ledger.begin() as unit:
        entry = post(unit, "BQ", DAY, "P1", "l", _lines(), secrets.token_hex(8))
    with worker_engine.connect() as connection:
        connection.begin()
        connection.execute(
            text("INSERT INTO ledger_posting (entry_id, line, account, debit_cents) VALUES (:e, 9, '512', 1)"),
            {"e": entry.id},
        )
        with pytest.raises(IntegrityError, match="not balanced"):
            connection.commit()


@pytest.mark.parametrize("statement", ["UPDATE ledger_posting SET debit_cents = 1", "DELETE FROM ledger_entry"])
def test_nothing_validated_is_changed(ledger: Database, admin_engine: Engine, statement: str) -> None:
    with ledger.begin() as unit:
        post(unit, "BQ", DAY, "P1", "l", _lines(), secrets.token_hex(8))
    # Not even by the administrator's slip of the hand.
    with pytest.raises(DBAPIError, match="append-only"), admin_engine.begin() as connection:
        connection.execute(text(statement))


def test_numbers_are_unbroken_under_concurrency_and_rollbacks(ledger: Database) -> None:
    def work(turn: int) -> int | None:
        try:
            with ledger.begin() as unit:
                number = post(unit, "OD", DAY, "P", "l", _lines(), secrets.token_hex(8)).number
                if turn % 3 == 0:
                    raise RuntimeError("undone")
                return number
        except RuntimeError:
            return None

    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(number for number in pool.map(work, range(24)) if number is not None)
    assert len(numbers) == 16
    with ledger.begin() as unit:
        assert unit.scalar("SELECT count(*) = max(number) FROM ledger_entry")


def test_a_reversal_is_the_mirror_image_and_happens_once(ledger: Database) -> None:
    with ledger.begin() as unit:
        entry = post(unit, "BQ", DAY, "P1", "l", _lines(), secrets.token_hex(8))
        before = balance(unit, "512")
        undone = reverse(unit, entry.id, DAY, "mistake")
        assert reverse(unit, entry.id, DAY, "again") == undone
        assert balance(unit, "512") == before - 1200
    assert undone.reverses == entry.id


def test_a_closed_period_takes_no_entry_and_a_locked_one_never_reopens(ledger: Database, admin_engine: Engine) -> None:
    accountant = Actor("accountant")
    month = date(2019, 1, 1)
    with ledger.begin(accountant) as unit:
        set_period(unit, month, "locked")
    with pytest.raises(Conflict) as closed, ledger.begin() as unit:
        post(unit, "OD", date(2019, 1, 31), "P", "l", _lines(), secrets.token_hex(8))
    assert closed.value.code == "period_closed"
    with pytest.raises(Conflict) as locked, ledger.begin(accountant) as unit:
        set_period(unit, month, "open")
    assert locked.value.code == "period_locked"
    with pytest.raises(DBAPIError, match="never reopens"), admin_engine.begin() as connection:
        connection.execute(text("UPDATE ledger_period SET state = 'open' WHERE month = '2019-01-01'"))


def test_only_staff_reads_the_ledger(ledger: Database, web_engine: Engine) -> None:
    with ledger.begin() as unit:
        post(unit, "BQ", DAY, "P1", "l", _lines(), secrets.token_hex(8))
    with Database(web_engine).begin(Actor("accountant", 1)) as unit:
        assert list_entries(unit).total > 0
    with Database(web_engine).begin(Actor("owner", 1)) as unit:
        assert unit.scalar("SELECT count(*) FROM ledger_entry") == 0
