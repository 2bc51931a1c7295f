"""The shared clock: the database's, and movable in a demo only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from broker.kernel import clock


@pytest.fixture
def session(admin_engine: Engine) -> Iterator[Session]:
    """A session of the administrator, undone after the test, on a database flagged as a demo whose clock is right."""
    with admin_engine.connect() as connection, connection.begin() as transaction:
        connection.execute(text("UPDATE shared_clock SET demo = true, ahead = '0'"))
        session = Session(connection, join_transaction_mode="create_savepoint")
        yield session
        session.close()
        transaction.rollback()


def test_rows_are_dated_by_the_database(session: Session) -> None:
    now = clock.now(session)
    assert now.tzinfo is UTC
    assert now == session.execute(text("SELECT now()")).scalar_one()
    assert now == clock.now(session)


def test_a_demo_moves_it_forward(session: Session) -> None:
    before = clock.now(session)
    clock.advance(session, timedelta(days=30, hours=1))
    clock.advance(session, timedelta(hours=1))
    assert clock.now(session) - before == timedelta(days=30, hours=2)


def test_it_never_moves_back(session: Session) -> None:
    with pytest.raises(DBAPIError, match="only moves forward"):
        clock.advance(session, timedelta(seconds=-1))


def test_it_is_refused_where_the_database_is_no_demo(session: Session) -> None:
    session.execute(text("UPDATE shared_clock SET demo = false"))
    with pytest.raises(DBAPIError, match="not flagged as a demo"):
        clock.advance(session, timedelta(days=1))


def test_a_database_that_is_no_demo_cannot_have_a_wrong_clock(session: Session) -> None:
    with pytest.raises(DBAPIError, match="check constraint"):
        session.execute(text("UPDATE shared_clock SET demo = false, ahead = '1 day'"))


def test_there_is_one_clock(session: Session) -> None:
    with pytest.raises(DBAPIError, match=r"duplicate key|check constraint"):
        session.execute(text("INSERT INTO shared_clock DEFAULT VALUES"))


@pytest.mark.parametrize("sql", ["SELECT advance_demo_clock('1 day')", "UPDATE shared_clock SET ahead = '1 day'"])
def test_the_front_cannot_move_it(web_engine: Engine, sql: str) -> None:
    with web_engine.connect() as connection, pytest.raises(DBAPIError, match="permission denied"):
        connection.execute(text(sql))


def test_a_worker_moves_it_by_the_function(connection: Connection) -> None:
    with Session(connection, join_transaction_mode="create_savepoint") as session:
        before = clock.now(session)
        clock.advance(session, timedelta(days=1))
        assert clock.now(session) - before == timedelta(days=1)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-01-31T22:59:59+00:00", "2026-01-31"),
        ("2026-01-31T23:00:00+00:00", "2026-02-01"),  # winter: an hour before UTC
        ("2026-06-30T21:59:59+00:00", "2026-06-30"),
        ("2026-06-30T22:00:00+00:00", "2026-07-01"),  # summer: two hours
    ],
)
def test_the_legal_day_is_that_of_paris(session: Session, moment: str, day: str) -> None:
    session.execute(
        text("UPDATE shared_clock SET ahead = CAST(:moment AS timestamptz) - now()"),
        {"moment": datetime.fromisoformat(moment)},
    )
    assert clock.now(session) == datetime.fromisoformat(moment)
    assert clock.today(session).isoformat() == day
