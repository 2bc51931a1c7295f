"""Commands that act for an organisation: an operator's unit of work, and how the outcome is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from broker.accounts.store import organisation_of
from broker.kernel.actor import SYSTEM, Actor
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.errors import NotFound
from broker.kernel.settings import Settings
from broker.operate.database_server import running_postgres
from broker.operate.output import print_json, print_table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

as_option: Callable[..., Any] = click.option(
    "--as", "org_code", required=True, metavar="ORG", help="The code of the organisation to act for (org_…)."
)


@contextmanager
def acting(settings: Settings, org_code: str = "") -> Iterator[UnitOfWork]:
    """One transaction in the name of an organisation; without a code, the system's own."""
    with acting_database(settings) as database, database.begin(_actor(database, org_code)) as unit:
        yield unit


@contextmanager
def acting_as(settings: Settings, person: Actor) -> Iterator[UnitOfWork]:
    """One transaction in the name of a person, for what only persons may do."""
    with acting_database(settings) as database, database.begin(person) as unit:
        yield unit


@contextmanager
def acting_database(settings: Settings) -> Iterator[Database]:
    """The workers' database, for what opens several units."""
    with running_postgres(settings) as server:
        engine = make_engine(server.url("worker"), 1)
        try:
            yield Database(engine)
        finally:
            engine.dispose()


def show(found: DataclassInstance, as_json: bool) -> None:
    """Print an object without the database's own numbers: people and programs name objects by their codes."""
    values = {name: value for name, value in asdict(found).items() if name != "id" and not name.endswith("_id")}
    if as_json:
        print_json(values)
    else:
        print_table(("what", "value"), [(name.replace("_", " "), value) for name, value in values.items()])


def _actor(database: Database, org_code: str) -> Actor:
    if not org_code:
        return SYSTEM
    with database.begin() as unit:
        found = organisation_of(unit, org_code)
    if found is None:
        raise NotFound(f"There is no organisation {org_code!r}.", field="as")
    return Actor(found.kind, found.id, name="operator")
