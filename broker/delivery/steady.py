"""Units of work on one held connection, for loops of hundreds of transactions a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from broker.kernel.actor import SYSTEM
from broker.kernel.database import Database, UnitOfWork, identify
from broker.kernel.errors import Unavailable


class SteadyUnits:
    """Opens units as `Database.begin` does, without taking and checking a connection each time.

    A connection that broke is replaced at the next unit.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    @contextmanager
    def begin(self) -> Iterator[UnitOfWork]:
        """A transaction of the system."""
        try:
            if self._connection is None:
                self._connection = self._database.engine.connect()
            with Session(self._connection) as session, session.begin():
                identify(session, SYSTEM)
                yield UnitOfWork(session, SYSTEM)
        except OperationalError as error:
            self.close()
            raise Unavailable("The database does not answer. Check that it runs (courtier doctor).") from error

    def close(self) -> None:
        """Give the connection back."""
        held, self._connection = self._connection, None
        if held is not None:
            held.close()
