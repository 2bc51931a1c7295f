"""The database: engine, unit of work.

A use case gets a `UnitOfWork` (one transaction, one actor) and never commits; whoever opened the unit does, once,
by leaving the `with` block. Each unit tells PostgreSQL who acts, for the row-level policies (ARCHITECTURE, roles).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, CursorResult, Engine, create_engine, text
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.orm import Session

from broker.kernel import clock
from broker.kernel.actor import SYSTEM, Actor
from broker.kernel.errors import Conflict, CourtierError, Unavailable


def make_engine(url: str, pool_size: int = 5) -> Engine:
    """An engine on psycopg 3 from a plain `postgresql://` URL; connections are checked before use."""
    plain = url.replace("postgresql://", "postgresql+psycopg://", 1)
    return create_engine(
        plain,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_recycle=1800,
        hide_parameters=True,
    )


class UnitOfWork:
    """One transaction of one actor."""

    def __init__(self, session: Session, actor: Actor) -> None:
        self.session = session
        self.actor = actor

    def run(self, sql: str, **values: Any) -> CursorResult[Any]:
        """Execute one statement with named parameters; constraint faults become `Conflict`."""
        try:
            result = self.session.execute(text(sql), values)
        except IntegrityError as error:
            raise constraint_conflict(error) from error
        assert isinstance(result, CursorResult)
        return result

    def run_many(self, sql: str, rows: list[dict[str, Any]]) -> None:
        """Execute one statement for each row of parameters (an empty list does nothing)."""
        if rows:
            try:
                self.session.execute(text(sql), rows)
            except IntegrityError as error:
                raise constraint_conflict(error) from error

    def one(self, sql: str, **values: Any) -> Row[Any] | None:
        """The first row, or None."""
        return self.run(sql, **values).first()

    def all(self, sql: str, **values: Any) -> list[Row[Any]]:
        """All rows."""
        return list(self.run(sql, **values).all())

    def scalar(self, sql: str, **values: Any) -> Any:
        """The first column of the first row, or None."""
        return self.run(sql, **values).scalar()

    @property
    def now(self) -> datetime:
        """The shared time of this transaction (UTC)."""
        return clock.now(self.session)

    @property
    def today(self) -> date:
        """The legal day in France."""
        return clock.today(self.session)

    @property
    def sight(self) -> dict[str, object]:
        """`staff` and `org` for queries that show all rows to staff, and to others those of their organisation."""
        return {"staff": self.actor.sees_all, "org": self.actor.org_id}

    def enqueue(self, kind: str, row_id: int, *, after_seconds: int = 0) -> None:
        """Ask for a job in this transaction: it exists if, and only if, the transaction commits.

        `kind` is one of the database's list (jobs.kind); the job carries the row's id only.
        """
        self.run("SELECT jobs.enqueue(:kind, :row_id, :after)", kind=kind, row_id=row_id, after=after_seconds)

    @property
    def driver(self) -> psycopg.Connection[Any]:
        """The psycopg connection of this transaction, for COPY."""
        connection = self.session.connection().connection.driver_connection
        assert isinstance(connection, psycopg.Connection)
        return connection


@dataclass(frozen=True)
class Database:
    """Opens units of work on one engine, that is with one PostgreSQL role."""

    engine: Engine

    @contextmanager
    def begin(self, actor: Actor = SYSTEM) -> Iterator[UnitOfWork]:
        """A transaction that commits when the block ends well and rolls back when it raises."""
        try:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                identify(session, actor)
                yield UnitOfWork(session, actor)
        except OperationalError as error:
            raise Unavailable(
                "The database does not answer. Check that it runs (courtier doctor) and try again."
            ) from error


def identify(session: Session | Connection, actor: Actor) -> None:
    """Tell PostgreSQL who acts, for this transaction only."""
    values: Mapping[str, str] = {
        "org": "" if actor.org_id is None else str(actor.org_id),
        "role": actor.role,
        "user_id": "" if actor.user_id is None else str(actor.user_id),
        "agency": "" if actor.agency_id is None else str(actor.agency_id),
    }
    session.execute(
        text(
            "SELECT set_config('app.org', :org, true), set_config('app.role', :role, true),"
            " set_config('app.user', :user_id, true), set_config('app.agency', :agency, true)"
        ),
        values,
    )


def constraint_name(error: DBAPIError) -> str:
    """The name of the violated constraint, or an empty string."""
    diagnostics = getattr(error.orig, "diag", None)
    return str(getattr(diagnostics, "constraint_name", None) or "")


# What triggers refuse wherever it is tried.
_SAID = {
    "org_frozen": "This organisation is frozen: it can neither book nor be paid until the freeze is ended.",
    "overdue_stop": "An invoice is long overdue: pay it, or have the accountant agree days with you, to order again.",
    "payout_held": "Payouts to this organisation are held on suspicion: two people release them.",
    "refund_exceeds": "This is more than is left to be given back.",
}


def constraint_conflict(error: IntegrityError) -> CourtierError:
    """A `Conflict` that carries the constraint's name; stores turn the names they know into better sentences.

    Those that any door may meet say so here, under their own name as code.
    """
    name = constraint_name(error)
    if name in _SAID:
        return Conflict(_SAID[name], code=name, details={"constraint": name})
    return Conflict(
        "This contradicts something already stored.",
        code="constraint",
        details={"constraint": name},
    )
