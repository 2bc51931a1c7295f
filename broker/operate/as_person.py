"""Commands that need a person: two people see to it that money leaves, on the command line as on pages.

Whoever runs the command says who they are; the journal keeps it. An operator of the machine could name anybody: four
eyes on the command line bind colleagues, not whoever holds the keys of the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from broker.accounts.find_user import actor_of_user
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.settings import Settings
from broker.operate.database_server import running_postgres

by_option: Callable[..., Any] = click.option("--by", required=True, metavar="EMAIL", help="Who you are: your log-in.")


@contextmanager
def as_person(settings: Settings, email: str) -> Iterator[UnitOfWork]:
    """One transaction in the name of somebody who logs in."""
    with running_postgres(settings) as server:
        engine = make_engine(server.url("worker"), 1)
        try:
            database = Database(engine)
            with database.begin() as unit:
                actor = actor_of_user(unit, email)
            with database.begin(actor) as unit:
                yield unit
        finally:
            engine.dispose()
