"""The database and its log-in roles: passwords, and who may connect."""

from __future__ import annotations

import psycopg
from psycopg import sql

LOGIN_ROLES = ("web", "public", "worker")


def role_name(role: str) -> str:
    """The PostgreSQL role behind the short name `web`, `public` or `worker`."""
    return f"courtier_{role}"


def make_database(maintenance_url: str, name: str) -> None:
    """Make an empty UTF-8 database unless it is there."""
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).rowcount == 0:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name))
            )


def drop_database(maintenance_url: str, name: str) -> None:
    """Drop a database, ending whoever is connected to it."""
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def grant_temporary(admin_url: str) -> None:
    """The rights on the database itself, which stand in no dump: temporary tables are for workers alone."""
    with psycopg.connect(admin_url) as connection:
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
        connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO courtier_worker").format(database))


def set_passwords(admin_url: str, passwords: dict[str, str]) -> None:
    """Give each log-in role its password, and only these roles the right to connect.

    `passwords` is keyed by short names. The SCRAM verifier is computed here: the server never sees a password.
    """
    with psycopg.connect(admin_url) as connection:
        database = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        for role, password in passwords.items():
            name = role_name(role)
            verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(verifier))
            )
            connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(name)))
