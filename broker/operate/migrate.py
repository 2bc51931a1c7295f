"""The schema: brought to head on the administrator's connection."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from broker.kernel.database import make_engine
from broker.kernel.errors import IntegrityFault, Unavailable

_ONE_AT_A_TIME = 0x436F7572  # an advisory lock: two machines starting together migrate one after the other


def _config() -> Config:
    found = importlib.util.find_spec("migrations")  # by name: the steps import the rooms, never the other way
    if found is None or found.origin is None:
        raise Unavailable("The migrations folder is not beside broker/. Run make env again.", code="no_migrations")
    config = Config()
    config.set_main_option("script_location", str(Path(found.origin).parent).replace("%", "%%"))
    return config


def head() -> str:
    """The newest schema step that this code knows."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def current(url: str) -> str | None:
    """The schema step of a database, or None where it has none. `url` needs a role that reads alembic_version."""
    engine = make_engine(url, 1)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def unmake(admin_url: str) -> None:
    """Take every step back, so that a dump can be restored into the empty database; the roles stay."""
    config = _config()
    engine = create_engine(admin_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "base")
            connection.execute(text("DROP TABLE alembic_version"))
            connection.commit()
    finally:
        engine.dispose()


def migrate(admin_url: str, *, demo: bool = False) -> tuple[str | None, str]:
    """Bring the schema to head; return the steps before and after.

    `demo` marks the database as one whose clock may be moved. Raises `Unavailable` when the database does not
    answer, `IntegrityFault` when it is newer than this code.
    """
    config = _config()
    plain = admin_url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(plain, poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _ONE_AT_A_TIME})
            before = MigrationContext.configure(connection).get_current_revision()
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            after = MigrationContext.configure(connection).get_current_revision() or ""
            if demo:
                connection.execute(text("UPDATE shared_clock SET demo = true WHERE NOT demo"))
            connection.commit()
    except OperationalError as error:
        raise Unavailable(
            "The database does not answer at database.url. Check the address, the user and that the server runs.",
            code="database_unreachable",
        ) from error
    except CommandError as error:
        raise IntegrityFault(
            f"The schema cannot be brought to step {head()}: {error}. Is the database newer than this Courtier?",
            code="schema",
        ) from error
    finally:
        engine.dispose()
    return before, after
