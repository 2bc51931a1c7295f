"""Databases for tests, copied from the migrated one: a tenth of the time that migrating another takes."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from broker.operate.database_server import DatabaseServer
from broker.operate.roles import drop_database, grant_connect, grant_temporary, make_database


@contextmanager
def copy_of(migrated: DatabaseServer) -> Iterator[DatabaseServer]:
    """A database like the migrated one, gone after the block."""
    admin = migrated.url("admin")
    template, maintenance = urlsplit(admin).path.lstrip("/"), at_database(admin, "postgres")
    name = f"{template}_{secrets.token_hex(4)}"
    make_database(maintenance, name, template=template)
    try:
        grant_connect(at_database(admin, name))
        grant_temporary(at_database(admin, name))
        yield DatabaseServer({role: at_database(url, name) for role, url in migrated.urls.items()}, migrated.embedded)
    finally:
        drop_database(maintenance, name)


def at_database(url: str, name: str) -> str:
    """The address of another database of the same server, as the same role."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
