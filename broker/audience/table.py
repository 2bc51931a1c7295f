"""Rows in DuckDB that rules are counted on: a view with the derived fields, and rules compiled once to SQL."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import date
from threading import Lock

import duckdb
import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.audience.columns import Column, with_derived
from broker.audience.compile import compile_rule, table_columns, with_segments
from broker.audience.derive import derived_field
from broker.audience.rule import Rule, rule_hash

KEPT_RULES = 512


class RuleTable:
    """One table or view `name` of a DuckDB connection, seen on one day. Safe to use from several threads.

    Who knows its columns, derived ones included, may give them: DuckDB is then not asked before the first count.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, name: str, today: date, columns: list[Column] | None = None
    ) -> None:
        self.today = today
        self._connection = connection
        self._name = name
        self._compiled: OrderedDict[tuple[bytes, str], str] = OrderedDict()
        self._lock = Lock()
        self._seen: ir.Table | None = None
        self._seeing = Lock()
        self.columns: list[Column] = table_columns(self._view) if columns is None else columns

    @property
    def _view(self) -> ir.Table:
        with self._seeing:
            if self._seen is None:
                self._seen = self._see()
            return self._seen

    def _see(self) -> ir.Table:
        connection, name, today = self._connection, self._name, self.today
        raw = ibis.table(_schema(connection, name), name=name)
        columns = table_columns(raw)
        own = {column.name for column in columns}
        # Derived fields stand in a view, not in each condition that names them: a rule of 500 ages computes one.
        extra = {
            column.name: derived_field(column.name, raw, today)
            for column in with_derived(columns)
            if column.name not in own
        }
        # The day is part of the name: at midnight a new table is made and the old one stays valid.
        view = f"{name}_{today:%Y%m%d}"
        sql = ibis.to_sql(raw.mutate(**extra) if extra else raw, dialect="duckdb")
        connection.execute(f'CREATE OR REPLACE VIEW "{view}" AS {sql}')
        return ibis.table(_schema(connection, view), name=view)

    def count(self, rule: Rule) -> int:
        """How many rows the rule takes."""
        found = self._cursor().execute(self._sql(rule, "count")).fetchone()
        assert found is not None
        return int(found[0])

    def mask(self, rule: Rule) -> NDArray[np.bool_]:
        """One truth value a row, in the order of the table."""
        cursor = self._cursor()
        if cursor.execute(f'SELECT count(*) FROM "{self._view.get_name()}"').fetchone() == (0,):  # noqa: S608
            return np.zeros(0, dtype=np.bool_)
        found = cursor.execute(self._sql(rule, "mask")).fetchnumpy()["member"]
        return np.asarray(np.ma.filled(found, False), dtype=np.bool_)

    def texts(self, name: str) -> pa.DictionaryArray:
        """A field as dictionary-coded text, in the order of the table: for breakdowns."""
        expression = self._view.select(value=self._view[name].cast("string"))
        table = self._cursor().sql(str(ibis.to_sql(expression, dialect="duckdb"))).to_arrow_table()
        column = table.column("value").combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.array([], pa.string())
        return column.dictionary_encode()

    def numbers(self, name: str) -> NDArray[np.float64]:
        """A numeric field as float64, NaN where missing, in the order of the table."""
        expression = self._view.select(value=self._view[name].cast("float64"))
        found = self._cursor().execute(str(ibis.to_sql(expression, dialect="duckdb"))).fetchnumpy()["value"]
        return np.asarray(np.ma.filled(found, np.nan), dtype=np.float64)

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        return self._connection.cursor()

    def _sql(self, rule: Rule, kind: str) -> str:
        key = (rule_hash(rule), kind)
        with self._lock:
            if key in self._compiled:
                self._compiled.move_to_end(key)
                return self._compiled[key]
        view = with_segments(rule, self._view, self.today)
        condition = compile_rule(rule, view, self.today)
        if kind == "count":
            expression = view.filter(condition).count()
        else:
            expression = view.select(member=ibis.coalesce(condition, ibis.literal(False)))
        sql = str(ibis.to_sql(expression, dialect="duckdb"))
        with self._lock:
            self._compiled[key] = sql
            while len(self._compiled) > KEPT_RULES:
                self._compiled.popitem(last=False)
        return sql


def open_duckdb(memory_mb: int, threads: int) -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory that neither fetches extensions nor reads what it was not given."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": threads,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": True,
    }
    connection = duckdb.connect(":memory:", config=settings)
    connection.execute("SET TimeZone = 'UTC'")  # the day of a time must not depend on where the process runs
    return connection


def _schema(connection: duckdb.DuckDBPyConnection, name: str) -> ibis.Schema:
    """The columns of a table or view whose types rules know; the others are left out."""
    arrow = connection.sql(f'SELECT * FROM "{name}" LIMIT 0').to_arrow_table().schema  # noqa: S608 - our own name
    known: Iterable[pa.Field] = (field for field in arrow if not _odd(field.type))
    return ibis.Schema.from_pyarrow(pa.schema(list(known)))


def _odd(kind: pa.DataType) -> bool:
    return bool(pa.types.is_struct(kind) or pa.types.is_map(kind) or pa.types.is_union(kind) or pa.types.is_null(kind))
