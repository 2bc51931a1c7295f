"""The audit's chain: what was written stays, and every way of touching it is found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from broker.audit.record import record
from broker.audit.verify import verify
from broker.kernel.actor import Actor
from broker.kernel.database import Database, UnitOfWork, identify

ACTOR = Actor("owner", 71, 72, "Anna")


@pytest.fixture
def unit(admin_engine: Engine) -> Iterator[UnitOfWork]:
    """A unit of the administrator (who alone can try to forge), undone after the test, with five entries at the end."""
    with admin_engine.connect() as connection, connection.begin() as transaction:
        session = Session(connection, join_transaction_mode="create_savepoint")
        connection.execute(text("SET CONSTRAINTS joins_chain IMMEDIATE"))  # as at a commit, which never comes here
        identify(session, ACTOR)
        unit = UnitOfWork(session, ACTOR)
        for number in range(5):
            record(unit, "order.approved", "rental_order", f"ord_{number}", volume=number)
        yield unit
        session.close()
        transaction.rollback()


def last(unit: UnitOfWork) -> int:
    return int(unit.scalar("SELECT max(id) FROM audit_entry"))


def forge(unit: UnitOfWork, sql: str, **values: object) -> None:
    """Change the table as somebody who can switch off its triggers."""
    unit.run("SET LOCAL session_replication_role = replica")
    unit.run(sql, **values)
    unit.run("SET LOCAL session_replication_role = origin")


def test_an_untouched_chain_is_whole(unit: UnitOfWork) -> None:
    result = verify(unit)
    assert result.broken_at is None
    assert result.entries == last(unit)
    assert len(result.head) == 64


def test_an_entry_says_who_did_what(unit: UnitOfWork) -> None:
    entry = unit.one("SELECT * FROM audit_entry ORDER BY id DESC LIMIT 1")
    assert entry is not None
    assert (entry.org_id, entry.user_id, entry.actor_role) == (71, 72, "owner")
    assert (entry.action, entry.object_kind, entry.object_id) == ("order.approved", "rental_order", "ord_4")
    assert entry.detail == {"volume": 4}
    assert entry.at == unit.now


def test_nothing_that_looks_like_an_address_is_recorded(unit: UnitOfWork) -> None:
    record(unit, "x", "y", "z@example.test", deep={"who": ["jeanne@example.test"]}, day=date(2026, 1, 2))
    entry = unit.one("SELECT object_id, detail FROM audit_entry ORDER BY id DESC LIMIT 1")
    assert entry is not None
    assert entry.object_id == "•••@•••"
    assert entry.detail == {"deep": {"who": ["•••@•••"]}, "day": "2026-01-02"}
    assert verify(unit).broken_at is None


@pytest.mark.parametrize(
    "change",
    [
        "at = at + interval '1 microsecond'",
        "org_id = 99",
        "org_id = NULL",
        "user_id = 99",
        "actor_role = 'broker'",
        "action = 'order.refused'",
        "object_kind = 'x'",
        "object_id = 'x'",
        "detail = '{}'",
        "detail = detail || '{\"more\": 1}'",
        "hash = sha256(hash)",
        "previous_hash = sha256(previous_hash)",
    ],
)
def test_any_changed_field_is_found(unit: UnitOfWork, change: str) -> None:
    entry = last(unit) - 2
    forge(unit, f"UPDATE audit_entry SET {change} WHERE id = :entry", entry=entry)
    assert verify(unit).broken_at == entry


def test_an_entry_taken_off_the_chain_is_found(unit: UnitOfWork) -> None:
    entry = last(unit) - 2
    forge(unit, "UPDATE audit_entry SET id = NULL, previous_hash = NULL, hash = NULL WHERE id = :entry", entry=entry)
    assert verify(unit).broken_at == entry + 1


def test_an_entry_taken_out_is_found(unit: UnitOfWork) -> None:
    entry = last(unit) - 2
    forge(unit, "DELETE FROM audit_entry WHERE id = :entry", entry=entry)
    assert verify(unit).broken_at == entry + 1


def test_a_gap_closed_again_is_found(unit: UnitOfWork) -> None:
    entry = last(unit) - 2
    forge(unit, "DELETE FROM audit_entry WHERE id = :entry", entry=entry)
    forge(unit, "UPDATE audit_entry SET id = id - 1 WHERE id > :entry", entry=entry)
    assert verify(unit).broken_at == entry


def test_two_entries_swapped_are_found(unit: UnitOfWork) -> None:
    entry = last(unit) - 2
    for old, new in ((entry, -1), (entry + 1, entry), (-1, entry + 1)):
        forge(unit, "UPDATE audit_entry SET id = :new WHERE id = :old", old=old, new=new)
    assert verify(unit).broken_at == entry


def test_an_end_cut_off_is_found_by_a_hash_kept_elsewhere(unit: UnitOfWork) -> None:
    before = verify(unit)
    forge(unit, "DELETE FROM audit_entry WHERE id = :entry", entry=before.entries)
    assert verify(unit).broken_at is None
    assert verify(unit, (before.entries, before.head)).broken_at == before.entries


def test_a_chain_written_anew_is_found_by_a_hash_kept_elsewhere(unit: UnitOfWork) -> None:
    before = verify(unit)
    forge(unit, "DELETE FROM audit_entry WHERE id = :entry", entry=before.entries)
    record(unit, "order.refused", "rental_order", "ord_4")
    assert verify(unit).broken_at is None
    assert verify(unit, (before.entries, before.head)).broken_at == before.entries
    record(unit, "later", "x", "y")
    assert verify(unit, (before.entries - 1, _hash(unit, before.entries - 1).upper())).broken_at is None


def _hash(unit: UnitOfWork, entry: int) -> str:
    return str(unit.scalar("SELECT encode(hash, 'hex') FROM audit_entry WHERE id = :entry", entry=entry))


def test_an_entry_slipped_in_past_the_trigger_is_found(unit: UnitOfWork) -> None:
    end = last(unit)
    forge(
        unit,
        "INSERT INTO audit_entry (at, actor_role, action, object_kind, object_id, detail)"
        " VALUES (now(), 'system', 'x', 'y', 'z', '{}')",
    )
    assert verify(unit).broken_at == end + 1


def test_entries_join_the_chain_at_the_commit_and_two_transactions_never_wait_for_each_other(
    worker_engine: Engine,
) -> None:
    """Both record first and then touch what the other holds no more: with the chain locked early this would hang."""
    database = Database(worker_engine)
    with database.begin(ACTOR) as before:
        start = verify(before).entries
    with database.begin(ACTOR) as slow:
        record(slow, "slow", "test", "1")
        with database.begin(ACTOR) as quick:
            quick.run("SET LOCAL lock_timeout = '5s'")
            record(quick, "quick", "test", "1")
            record(quick, "quick", "test", "2")
        record(slow, "slow", "test", "2")
    with database.begin(ACTOR) as after:
        assert verify(after).broken_at is None
        entries = after.all(
            "SELECT id, action || object_id AS what FROM audit_entry WHERE id > :start ORDER BY id", start=start
        )
        own = [row.what for row in entries if row.what.startswith(("slow", "quick"))]
        assert own == ["quick1", "quick2", "slow1", "slow2"]


def test_what_was_undone_leaves_no_gap(worker_engine: Engine) -> None:
    database = Database(worker_engine)

    def record_and_fail() -> None:
        with database.begin(ACTOR) as unit:
            record(unit, "undone", "test", "1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        record_and_fail()
    with database.begin(ACTOR) as unit:
        record(unit, "done", "test", "1")
    with database.begin(ACTOR) as unit:
        assert verify(unit).broken_at is None


@pytest.mark.parametrize(
    "sql", ["UPDATE audit_entry SET action = 'x'", "DELETE FROM audit_entry", "TRUNCATE audit_entry"]
)
def test_even_the_administrator_is_stopped_by_the_triggers(unit: UnitOfWork, sql: str) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        unit.session.execute(text(sql))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit_entry SET action = 'x'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
        "INSERT INTO audit_entry (at, actor_role, action, object_kind, object_id, detail)"
        " VALUES (now(), 'broker', 'x', 'y', 'z', '{}')",
    ],
)
def test_a_worker_has_no_right_to_change_it(connection: Connection, sql: str) -> None:
    with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        connection.execute(text(sql))
