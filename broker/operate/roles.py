"""The database and its log-in roles: passwords, and who may connect."""

from __future__ import annotations

import psycopg
from psycopg import sql

LOGIN_ROLES = ("web", "public", "worker")


def role_name(role: str) -> str:
    """The PostgreSQL role behind the short name `web`, `public` or `worker`."""
    return f"courtier_{role}"


def make_database(maintenance_url: str, name: str, *, template: str = "template0") -> None:
    """Make a UTF-8 database, empty or a copy of `template` (that nobody is connected to), unless it is there."""
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount == 0:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )


def drop_database(maintenance_url: str, name: str) -> None:
    """Drop a database, ending whoever is connected to it."""
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def grant_temporary(admin_url: str) -> None:
    """Temporary tables are for workers alone. Rights on the database itself stand in no dump and in no copy."""
    with psycopg.connect(admin_url) as connection:
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
        connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO courtier_worker").format(database))


def grant_connect(admin_url: str) -> None:
    """Only the log-in roles connect to the database."""
    with psycopg.connect(admin_url) as connection:
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for role in LOGIN_ROLES:
            connection.execute(
                sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(role_name(role)))
            )


def set_passwords(admin_url: str, passwords: dict[str, str]) -> None:
    """Give each log-in role its password, and only these roles the right to connect.

    `passwords` is keyed by short names. The SCRAM verifier is computed here: the server never sees a password.
    """
    with psycopg.connect(admin_url) as connection:
        for role, password in passwords.items():
            name = role_name(role)
            verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(verifier))
            )
    grant_connect(admin_url)
