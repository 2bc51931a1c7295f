"""Units of work on one held connection, for loops of hundreds of transactions a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.orm import Session

from broker.kernel.actor import SYSTEM
from broker.kernel.database import Database, UnitOfWork, identify
from broker.kernel.errors import Unavailable


class SteadyUnits:
    """Opens units as `Database.begin` does, without taking and checking a connection each time.

    A connection that broke is replaced at the next unit. A worker that is stopped in the middle of a transaction would
    keep its locks, and nobody could take its batch over: the server ends such a session after `idle_seconds`.
    """

    def __init__(self, database: Database, idle_seconds: int) -> None:
        self._database = database
        self._idle_seconds = idle_seconds
        self._connection: Connection | None = None

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
            self._drop()
            raise Unavailable("The database does not answer. Check that it runs (courtier doctor).") from error

    def _connect(self) -> Connection:
        connection = self._database.engine.connect()
        connection.execute(
            text("SELECT set_config('idle_in_transaction_session_timeout', :limit, false)"),
            {"limit": f"{self._idle_seconds}s"},
        )
        connection.commit()
        return connection

    def _drop(self) -> None:
        """Forget a connection that broke."""
        held, self._connection = self._connection, None
        if held is not None:
            held.invalidate()
            held.close()

    def close(self) -> None:
        """End the connection: its session has a setting that others must not inherit."""
        self._drop()
