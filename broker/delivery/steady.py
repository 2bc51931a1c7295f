"""Units of work on held connections, for loops of hundreds of transactions a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.orm import Session

from broker.kernel.actor import SYSTEM
from broker.kernel.database import Database, UnitOfWork, identify
from broker.kernel.errors import Unavailable

_TRANSACTION_TIMEOUT_SINCE = 170_000  # PostgreSQL 17


class PipelinedUnit(UnitOfWork):
    """A transaction that travels in one round trip: on its `driver` statements are only queued.

    What they return is known when the block has ended. It has no session: nothing in it can wait for an answer.
    """

    def __init__(self, driver: psycopg.Connection[Any]) -> None:
        self.actor = SYSTEM
        self._driver = driver

    @property
    def driver(self) -> psycopg.Connection[Any]:
        """The psycopg connection, in pipeline mode."""
        return self._driver


class SteadyUnits:
    """Opens units as `Database.begin` does, without taking and checking a connection each time.

    A connection that broke is replaced at the next unit. A worker that is stopped in the middle of a transaction would
    keep its locks, and nobody could take its batch over: the server ends such a session after `idle_seconds`.
    """

    def __init__(self, database: Database, idle_seconds: int) -> None:
        self._database = database
        self._idle_seconds = idle_seconds
        self._connection: Connection | None = None
        self._quick: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """A transaction of the system."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            with Session(self._connection) as session, session.begin():
                identify(session, SYSTEM)
                yield UnitOfWork(session, SYSTEM)
        except (OperationalError, InternalError) as error:
            _drop(self._connection)
            self._connection = None
            raise _unavailable() from error

    @contextmanager
    def pipelined(self) -> Iterator[PipelinedUnit]:
        """A transaction of the system in one round trip, on a connection of its own: it may run in another thread.

        Statements, commit included, leave together; the results can be fetched after the block.
        """
        try:
            if self._quick is None:
                self._quick = self._connect()
            driver = _driver_of(self._quick)
            with driver.pipeline():
                yield PipelinedUnit(driver)
                driver.commit()
        except (psycopg.OperationalError, psycopg.InternalError, OperationalError, InternalError) as error:
            _drop(self._quick)
            self._quick = None
            raise _unavailable() from error
        except BaseException:
            _drop(self._quick)
            self._quick = None
            raise

    def _connect(self) -> Connection:
        connection = self._database.engine.connect()
        limit = {"limit": f"{self._idle_seconds}s"}
        connection.execute(text("SELECT set_config('idle_in_transaction_session_timeout', :limit, false)"), limit)
        if _driver_of(connection).info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
            # Half a pipeline leaves its transaction active rather than idle.
            connection.execute(text("SELECT set_config('transaction_timeout', :limit, false)"), limit)
        connection.execute(text("SELECT set_config('app.org', '', false), set_config('app.role', 'system', false)"))
        connection.commit()
        return connection

    def close(self) -> None:
        """End the connections: their sessions have settings that others must not inherit."""
        _drop(self._connection)
        _drop(self._quick)
        self._connection = self._quick = None


def _driver_of(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def _drop(held: Connection | None) -> None:
    """Forget a connection that broke."""
    if held is not None:
        held.invalidate()
        held.close()


def _unavailable() -> Unavailable:
    return Unavailable("The database does not answer. Check that it runs (courtier doctor).")
