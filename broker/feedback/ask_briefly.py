"""Asks the database and waits a moment only: a person's request must not hang on a database that does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Unavailable

T = TypeVar("T")

PATIENCE_SECONDS = 1.5
REST_SECONDS = 3.0  # after it kept somebody waiting, others are not made to wait as well
MOST_WAITING = 8


class AskBriefly:
    """Runs units of work as the public in threads of their own. What came too late may still be committed."""

    def __init__(self, database: Database, patience: float = PATIENCE_SECONDS) -> None:
        self._database = database
        self._patience = patience
        self._rest_until = 0.0
        self._room = threading.BoundedSemaphore(MOST_WAITING)

    def ask(self, work: Callable[[UnitOfWork], T]) -> T:
        """The outcome of `work`, or what it raised; `Unavailable` when that takes too long."""
        if time.monotonic() < self._rest_until or not self._room.acquire(blocking=False):
            raise _busy()
        question = _Question(self._database, work, self._room.release)
        threading.Thread(target=question.run, daemon=True).start()
        if not question.done.wait(self._patience):
            self._rest_until = time.monotonic() + REST_SECONDS
            raise _busy()
        return question.outcome()


class _Question(Generic[T]):
    def __init__(self, database: Database, work: Callable[[UnitOfWork], T], at_end: Callable[[], None]) -> None:
        self.done = threading.Event()
        self._database = database
        self._work = work
        self._at_end = at_end
        self._answers: list[T] = []
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            with self._database.begin(PUBLIC) as unit:
                answer = self._work(unit)
            self._answers.append(answer)  # after the commit
        except Exception as error:  # raised again where it was asked
            self._error = error
        finally:
            self._at_end()
            self.done.set()

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return self._answers[0]


def _busy() -> Unavailable:
    return Unavailable("The database does not answer in time. Try again in a moment.")
