"""The general path of rules over rows that change from example to example, while their columns stay."""

from __future__ import annotations

from datetime import date
from functools import cache

import duckdb
import pyarrow as pa

from broker.audience.table import RuleTable, open_duckdb


def oracle_of(rows: pa.Table, today: date) -> RuleTable:
    """These rows, on this day, until the next call.

    One database serves all examples of a schema and day: to open it and write its view takes longer than to ask it.
    """
    connection, table = _opened(rows.schema, today)
    _fill(connection, rows)
    return table


@cache
def _opened(schema: pa.Schema, today: date) -> tuple[duckdb.DuckDBPyConnection, RuleTable]:
    connection = open_duckdb(256, 1)
    _fill(connection, schema.empty_table())
    return connection, RuleTable(connection, "rows", today)


def _fill(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> None:
    connection.register("given", rows)
    connection.execute("CREATE OR REPLACE TABLE rows AS SELECT * FROM given")
    connection.unregister("given")
