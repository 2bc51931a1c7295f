"""Peers of `bench count` that are not always there: PostgreSQL with indices, Polars in memory."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pyarrow.parquet as pq

COLUMNS = ("gender", "birth_date", "postcode", "hair_colour", "income", "last_purchase")
_TYPES = {"birth_date": "date", "income": "integer", "last_purchase": "date"}
TABLE = "bench_count"


class Side(Protocol):
    """A peer that counts a condition in SQL."""

    name: str

    def count(self, condition: str) -> int:
        """How many contacts a condition takes."""

    def close(self) -> None:
        """Leave nothing behind."""


@dataclass
class PostgresSide:
    """One table with an index on every column that the rules ask about."""

    connection: psycopg.Connection[Any]
    name: str = "postgresql"

    def count(self, condition: str) -> int:
        """As PostgreSQL plans it."""
        found = self.connection.execute(f"SELECT count(*) FROM {TABLE} WHERE {condition}".encode()).fetchone()  # noqa: S608 - ours
        return -1 if found is None else int(found[0])

    def close(self) -> None:
        """Drop the table."""
        self.connection.execute(f"DROP TABLE IF EXISTS {TABLE}".encode())
        self.connection.close()


@dataclass
class PolarsSide:
    """The columns in memory, texts as categories, asked in SQL."""

    context: Any
    name: str = "polars"

    def count(self, condition: str) -> int:
        """As Polars plans it."""
        other = "(hair_colour <> 'grey' OR hair_colour IS NULL)"  # it knows no IS DISTINCT FROM
        plain = condition.replace("hair_colour IS DISTINCT FROM 'grey'", other)
        return int(self.context.execute(f"SELECT count(*) AS n FROM base WHERE {plain}", eager=True).item())  # noqa: S608 - ours

    def close(self) -> None:
        """Nothing to leave."""


def postgres_side(path: Path) -> PostgresSide | None:
    """PostgreSQL, if COURTIER_BENCH_DATABASE_URL names one."""
    url = os.environ.get("COURTIER_BENCH_DATABASE_URL")
    if not url:
        return None
    connection = psycopg.connect(url, autocommit=True)
    columns = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
    connection.execute(f"DROP TABLE IF EXISTS {TABLE}".encode())
    connection.execute(f"CREATE UNLOGGED TABLE {TABLE} ({columns})".encode())
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {TABLE} FROM STDIN".encode()) as copy,
        pq.ParquetFile(path) as file,
    ):
        for batch in file.iter_batches(columns=list(COLUMNS)):
            rows_of = zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True)
            lines = ("\t".join("\\N" if one is None else str(one) for one in row) for row in rows_of)
            copy.write(("\n".join(lines) + "\n").encode())
    for name in COLUMNS:
        connection.execute(f"CREATE INDEX ON {TABLE} ({name})".encode())
    connection.execute(f"VACUUM ANALYZE {TABLE}".encode())
    return PostgresSide(connection)


def polars_side(path: Path) -> PolarsSide | None:
    """Polars, if it is installed."""
    if importlib.util.find_spec("polars") is None:
        return None
    polars: Any = importlib.import_module("polars")
    frame = polars.read_parquet(path, columns=list(COLUMNS))
    return PolarsSide(polars.SQLContext(base=frame))
