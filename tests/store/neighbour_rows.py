"""How the neighbours' rows are written: one row by its columns, an organisation with its user."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

DISPATCH = 202_611_900_000  # far from numbers that tests of the sends draw


@dataclass(frozen=True)
class Somebody:
    """An organisation with one user."""

    kind: str
    org_id: int
    user_id: int
    code: str


def one(connection: Connection, sql: str, **values: Any) -> Any:
    """The first column of the only row."""
    return connection.execute(text(sql), values).scalar_one()


def add(connection: Connection, table: str, returning: str = "id", **values: Any) -> Any:
    """Insert one row (names come from this file) and return a column of it."""
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    return one(connection, f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {returning}", **values)


def settle_in(connection: Connection, kind: str) -> Somebody:
    """A new organisation and its user."""
    code = f"org_{secrets.token_hex(6)}"
    org = add(connection, "organisation", code=code, kind=kind, name=code)
    user = add(
        connection,
        "app_user",
        org_id=org,
        email=f"{code}@example.test",
        name=code,
        role=kind,
        password_hash="$argon2id$",
    )
    return Somebody(kind, org, user, code)


@dataclass(frozen=True)
class Trade:
    """Ids of what the trading pair (or one stranger) has."""

    owner: Somebody
    advertiser: Somebody
    base: int
    upload: int
    run: int
    snapshot: int
    segment: int
    card: int
    creative: int
    order: int
    programme: int
    participation: int
    mailing: int
