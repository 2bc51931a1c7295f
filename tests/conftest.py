"""Fixtures that every folder of tests shares: a migrated database and one engine per role."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine

from broker.accounts import secrets as account_secrets
from broker.kernel.database import make_engine
from broker.kernel.settings import InstanceSettings, Settings
from broker.operate.database_server import DatabaseServer, running_postgres
from broker.operate.migrate import migrate
from broker.operate.roles import (
    LOGIN_ROLES,
    drop_database,
    make_database,
    role_name,
    set_passwords,
)
from tests.databases import at_database, copy_of

# Where Python was told to keep no compiled code, each of the hundred processes that tests start would compile us anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session", autouse=True)
def product_hasher() -> Iterator[PasswordHasher]:
    """The hasher of passwords as the product has it; the tests' own processes hash with the least cost there is.

    Processes that tests start keep the real one, and tests/store/test_accounts.py looks at its cost.
    """
    product = account_secrets._hasher
    account_secrets._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    yield product
    account_secrets._hasher = product


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A short folder that service users can pass through (pytest's own are private), removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="courtier-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(scratch: Path) -> Iterator[DatabaseServer]:
    """A migrated database that nobody writes into: on `COURTIER_TEST_DATABASE_URL`'s server, else the embedded one.

    It is a demo one, so that tests may move its clock.
    """
    given = os.environ.get("COURTIER_TEST_DATABASE_URL")
    if given:
        yield from _scratch_database(given)
        return
    settings = Settings(instance=InstanceSettings(state_dir=str(scratch / "database"), demo=True))
    with running_postgres(settings, durable=False) as server:
        yield server


def _scratch_database(given: str) -> Iterator[DatabaseServer]:
    parts = urlsplit(given)
    name = f"courtier_test_{os.getpid()}_{secrets.token_hex(3)}"
    make_database(given, name)
    admin = at_database(given, name)
    # Roles belong to the whole server, where another run may use them now: every run gives them the same passwords.
    passwords = {role: f"test-only-{role}" for role in LOGIN_ROLES}
    place = parts.netloc.rpartition("@")[2]
    try:
        migrate(admin, demo=True)
        set_passwords(admin, passwords)
        urls = {
            role: urlunsplit(parts._replace(netloc=f"{role_name(role)}:{quote(password)}@{place}", path=f"/{name}"))
            for role, password in passwords.items()
        }
        yield DatabaseServer({"admin": admin, **urls})
    finally:
        drop_database(given, name)


@pytest.fixture(scope="module")
def database(migrated: DatabaseServer) -> Iterator[DatabaseServer]:
    """A database of this file's own, at the schema's head: no other file's rows, settings or clock are in it.

    `database.url(role)` has admin, web, public and worker.
    """
    with copy_of(migrated) as copy:
        yield copy


def _engine(database: DatabaseServer, role: str) -> Iterator[Engine]:
    engine = make_engine(database.url(role))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def admin_engine(database: DatabaseServer) -> Iterator[Engine]:
    """The administrator: for looking behind the roles, never in code under test."""
    yield from _engine(database, "admin")


@pytest.fixture(scope="module")
def worker_engine(database: DatabaseServer) -> Iterator[Engine]:
    """`courtier_worker`: past row-level security."""
    yield from _engine(database, "worker")


@pytest.fixture(scope="module")
def web_engine(database: DatabaseServer) -> Iterator[Engine]:
    """`courtier_web`: sees one organisation's rows."""
    yield from _engine(database, "web")


@pytest.fixture(scope="module")
def public_engine(database: DatabaseServer) -> Iterator[Engine]:
    """`courtier_public`: only functions for tokens."""
    yield from _engine(database, "public")


@pytest.fixture
def connection(worker_engine: Engine) -> Iterator[Connection]:
    """A worker's connection whose work is undone after the test; commits inside it end at savepoints.

    Open sessions on it with `Session(connection, join_transaction_mode="create_savepoint")`.
    """
    with worker_engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()
