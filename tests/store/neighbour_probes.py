"""What tries for a neighbour's rows with raw SQL as `courtier_web`: who acts, what is granted, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from broker.operate.database_server import DatabaseServer
from tests.store.neighbour_rows import Somebody, Trade
from tests.store.neighbourhood import furnish

# Rows that are not anybody's in particular, and why.
COMMON = {
    "published_card": "what every advertiser may search",
    "open_programme": "what every owner may browse: public columns of open offers only",
    "order_transition": "the state table of an order",
    "mailing_transition": "the state table of a mailing",
    "conversion_transition": "the state table of a conversion",
    "own_transition": "the state table of an own mailing",
    "ledger_account": "the chart of accounts",
    "reference_rate": "published rates of interest",
    "ledger_journal": "the journals' names",
    "ledger_period": "which months are open",
    "payout_threshold": "from which sum on every owner is paid",
    "fake_gateway_object": "stands for the gateway, outside of us; demo databases only",
    "fake_gateway_call": "stands for the gateway, outside of us; demo databases only",
}


@pytest.fixture
def admin(database: DatabaseServer) -> Iterator[Connection]:
    """One transaction of the administrator, undone at the end, in which `acting` becomes the front.

    The connection is new: on a used one PostgreSQL remembers `app.org` as an empty text and never as unset.
    """
    engine = create_engine(database.url("admin").replace("postgresql:", "postgresql+psycopg:", 1), poolclass=NullPool)
    with engine.connect() as connection:
        transaction = connection.begin()
        yield connection
        transaction.rollback()


@pytest.fixture(scope="module")
def trade(admin_engine: Engine) -> Trade:
    """The neighbours, there for the whole file: what tests do to them is undone with `admin`."""
    with admin_engine.begin() as connection:
        return furnish(connection)


@contextmanager
def acting(
    connection: Connection, who: Somebody | None, *, role: str | None = None, unset: bool = False
) -> Iterator[None]:
    """As `courtier_web` on behalf of somebody (None: of nobody), undone at the end."""
    point = connection.begin_nested()
    connection.execute(text("SET LOCAL ROLE courtier_web"))
    if unset:
        assert connection.execute(text("SELECT current_setting('app.org', true)")).scalar_one() is None
    else:
        settings = {
            "app.org": "" if who is None else str(who.org_id),
            "app.role": role or ("" if who is None else who.kind),
            "app.user": "" if who is None else str(who.user_id),
        }
        for name, value in settings.items():
            connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})
    try:
        yield
    finally:
        point.rollback()


def granted(connection: Connection, right: str) -> list[str]:
    """Tables, views and their like of schema public on which the front has a right, in part at least."""
    check = "has_table_privilege" if right == "DELETE" else "has_any_column_privilege"
    return list(
        connection.execute(
            text(
                "SELECT relname FROM pg_class c WHERE relnamespace = 'public'::regnamespace"
                f" AND relkind IN ('r', 'p', 'v', 'm', 'f') AND {check}('courtier_web', c.oid, :right) ORDER BY 1"
            ),
            {"right": right},
        ).scalars()
    )


def columns(connection: Connection, table: str, right: str) -> list[str]:
    """The columns of a table on which the front has a right."""
    return list(
        connection.execute(
            text(
                "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:table AS regclass) AND attnum > 0"
                " AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'"
                " AND has_column_privilege('courtier_web', attrelid, attnum, :right) ORDER BY attnum"
            ),
            {"table": table, "right": right},
        ).scalars()
    )


def refusal(connection: Connection, sql: str, **values: Any) -> str | None:
    """The SQLSTATE with which a statement is refused, or None; the transaction goes on."""
    point = connection.begin_nested()
    try:
        connection.execute(text(sql), values)
    except DBAPIError as error:
        point.rollback()
        return str(getattr(error.orig, "sqlstate", None))
    point.commit()
    return None


DENIED = "42501"  # insufficient_privilege: no right, or a policy
BROKEN_RULE = ("23001", "23503", "23514")  # restrict, foreign key, check: triggers and keys


def past_triggers(connection: Connection, sql: str, **values: Any) -> None:
    """Run a statement of the administrator's without triggers."""
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    connection.execute(text(sql), values)
    connection.execute(text("SET LOCAL session_replication_role = origin"))
