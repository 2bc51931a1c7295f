"""The database that commands, tests and the supervisor work on: embedded, or the one that the settings name."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from broker.kernel.errors import Conflict, SettingsError, Unavailable
from broker.kernel.settings import Settings
from broker.operate.migrate import migrate
from broker.operate.postgres_server import DATABASE, PostgresServer
from broker.operate.roles import LOGIN_ROLES, make_database, role_name, set_passwords
from broker.operate.state import State

RESTORING = "restoring"  # in the state folder while a restore is under way: nothing may run on half of one


@dataclass(frozen=True)
class DatabaseServer:
    """Addresses of one database, by role. `embedded` is None for a server that somebody else runs."""

    urls: Mapping[str, str]
    embedded: PostgresServer | None = None

    def url(self, role: str) -> str:
        """The `postgresql://` address of `admin`, `web`, `public` or `worker`, its password included."""
        try:
            return self.urls[role]
        except KeyError:
            key = "url" if role == "admin" else f"{role}_url"
            raise SettingsError(
                f"database.{key} is not set, and this command needs it: with a server of your own, each role has its "
                "address there.",
                field=f"database.{key}",
            ) from None


@contextmanager
def running_postgres(
    settings: Settings, *, attach: bool = True, durable: bool = True, restoring: bool = False
) -> Iterator[DatabaseServer]:
    """The database of these settings, running, its schema at head and its roles' passwords set.

    The embedded server is started, and ended with the block; where another courtier runs it already, the block joins
    that one (`attach`) or is refused. After a restore that broke off only `restoring` may go on. Enter it from the main
    thread: the server ends with the thread that started it.
    """
    state = State.of(settings)
    if (state.root / RESTORING).exists() and not restoring:
        raise Conflict(
            f"A restore into {state.root} broke off. Remove that folder and restore again; with a database server of"
            " your own, empty the database, too.",
            code="half_restored",
        )
    if settings.database.url or settings.database.web_url or settings.database.worker_url:
        yield _external(settings)
        return
    state.make()
    handle = state.lock()
    if handle is None:
        if not attach:
            raise Conflict(
                f"Another courtier (process {state.holder()}) already runs the instance '{settings.instance.name}'. "
                "Stop it first, or give this one another instance.name.",
                code="already_running",
            )
        yield _attached(state)
        return
    server = PostgresServer(state, durable=durable)
    try:
        server.start()
        make_database(server.maintenance_url, DATABASE)
        migrate(server.admin_url, demo=settings.instance.demo)
        set_passwords(server.admin_url, {role: state.secret(f"postgres-{role}") for role in LOGIN_ROLES})
        yield DatabaseServer(_embedded_urls(server), server)
    finally:
        server.stop()
        os.close(handle)


def _embedded_urls(server: PostgresServer) -> dict[str, str]:
    urls = {role: server.url(role_name(role), server.state.secret(f"postgres-{role}")) for role in LOGIN_ROLES}
    return {"admin": server.admin_url, **urls}


def _attached(state: State) -> DatabaseServer:
    """Wait for the server that another process of ours runs (it may be starting)."""
    urls = _embedded_urls(PostgresServer(state))
    until = time.monotonic() + 60.0
    while time.monotonic() < until:
        try:
            psycopg.connect(urls["worker"], connect_timeout=5).close()
        except psycopg.OperationalError:
            time.sleep(0.2)
        else:
            return DatabaseServer(urls)
    raise Unavailable(
        f"Process {state.holder()} holds this instance's database, but it does not answer. Stop that process.",
        code="database_unreachable",
    )


def _external(settings: Settings) -> DatabaseServer:
    given = settings.database
    named = {"admin": given.url, "web": given.web_url, "public": given.public_url, "worker": given.worker_url}
    urls = {role: url for role, url in named.items() if url}
    role, url = next(iter(urls.items()))
    key = "url" if role == "admin" else f"{role}_url"
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError as error:
        why = str(error).strip().splitlines()[0] if "password" not in str(error) else "the log-in was refused"
        raise Unavailable(
            f"The database at database.{key} does not answer: {why}. Check the address and that the server runs.",
            code="database_unreachable",
        ) from None
    except psycopg.ProgrammingError:
        raise SettingsError(
            f"database.{key} is not an address of the form postgresql://user:password@host/name.",
            field=f"database.{key}",
        ) from None
    return DatabaseServer(urls)
