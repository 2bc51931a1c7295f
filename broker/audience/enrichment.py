"""What a file brought to each column of a snapshot, counted when the snapshot is built.

For every file of contacts: for how many a column had a value, which is how old the column is. For an enrichment, too,
what that did to the contacts it named.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from broker.audience.merge import CONSENT, KEYS
from broker.audience.table import open_duckdb
from broker.bases import enrichment_store
from broker.bases.enrichment_model import FieldChange
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings

# What follows from another column, or is told elsewhere: consent has a history of its own.
_LEFT_OUT = frozenset({*KEYS, *CONSENT, "noise", "minor", "commune", "department", "region", "country"})
_FLAGS = ("has_phone", "has_street")  # the fields themselves are sealed, and compared where they are opened


def keep_changes(
    unit: UnitOfWork,
    settings: Settings,
    import_id: int,
    base_id: int,
    staged: Path,
    before: Path | None,
    policies: Mapping[str, str],
) -> None:
    """Count what the staged rows of an import bring, and of an enrichment what it does, and keep that."""
    connection = open_duckdb(settings.audience.memory_mb, settings.audience.threads)
    try:
        new = _view(connection, "staged", staged)
        if enrichment_store.is_enrichment(unit, import_id):
            old = _view(connection, "before", before) if before is not None and before.exists() else {}
            found = changes(connection, new, old, policies)
        else:
            found = brought(connection, new)
    finally:
        connection.close()
    enrichment_store.add_changes(unit, import_id, base_id, found)


def brought(connection: duckdb.DuckDBPyConnection, staged: Mapping[str, str]) -> list[FieldChange]:
    """Per column of the view `staged` (column → DuckDB type), for how many contacts it has a value."""
    names = [name for name in staged if name not in _LEFT_OUT]
    if not names:
        return []
    counts = [f"count(*) FILTER ({_given(name, staged[name])})" for name in names]
    row = connection.execute(f"SELECT {', '.join(counts)} FROM staged n").fetchone()  # noqa: S608 - quoted names
    assert row is not None
    return [FieldChange(name, given=count) for name, count in zip(names, row, strict=True) if count]


def changes(
    connection: duckdb.DuckDBPyConnection,
    staged: Mapping[str, str],
    before: Mapping[str, str],
    policies: Mapping[str, str],
) -> list[FieldChange]:
    """Per column that the file has values for, what the merge of `staged` over `before` does.

    For each column filled + changed + confirmed + cleared + kept is the number of contacts in the file.
    """
    given = {row.field: row.given for row in brought(connection, staged)}
    names = [name for name in given if name not in _FLAGS]
    found = [FieldChange(name, given=given[name]) for name in _FLAGS if name in given]
    for name in names:
        policy = policies.get(name, "")
        new, has = f"CAST(n.{_quoted(name)} AS VARCHAR)", _given(name, staged[name])
        old = f"CAST(o.{_quoted(name)} AS VARCHAR)" if name in before else "CAST(NULL AS VARCHAR)"
        wins = f"{old} IS NULL" if policy == "keep" else "true"
        clears = f"NOT {has} AND {old} IS NOT NULL" if policy == "newest" else "false"
        row = connection.execute(
            f"SELECT count(*) FILTER ({has} AND {old} IS NULL),"  # noqa: S608 - quoted names
            f" count(*) FILTER ({has} AND {old} IS NOT NULL AND {old} <> {new} AND {wins}),"
            f" count(*) FILTER ({has} AND {old} = {new}), count(*) FILTER ({clears}), count(*)"
            f" FROM staged n LEFT JOIN {'before' if before else '(SELECT 0 AS contact_id WHERE false)'} o"
            " ON o.contact_id = n.contact_id"
        ).fetchone()
        assert row is not None
        filled, changed, confirmed, cleared, whole = row
        kept = whole - filled - changed - confirmed - cleared
        found.append(FieldChange(name, given[name], filled, changed, confirmed, cleared, kept))
    return found


def _given(name: str, type_: str) -> str:
    column = f"n.{_quoted(name)}"
    if name in _FLAGS:
        return f"coalesce({column}, false)"
    return f"coalesce(len({column}), 0) > 0" if type_.endswith("[]") else f"{column} IS NOT NULL"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _view(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> dict[str, str]:
    place = str(path.absolute()).replace("'", "''")
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{place}')")  # noqa: S608 - our own path, quoted
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {name}").fetchall()}
