"""What persons supplied of themselves wins over the owner's files, in each snapshot (art. 16 GDPR)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import duckdb
import pyarrow as pa

from broker.audience import supplied_store
from broker.kernel.database import UnitOfWork

CONSENT = "consent"  # a field of `supplied_field` that stands for the four columns of a proof
_PROOF = {
    "consent_at": pa.timestamp("us", tz="UTC"),
    "consent_source_id": pa.int64(),
    "partner_list": pa.int32(),
}


def with_supplied(unit: UnitOfWork, connection: duckdb.DuckDBPyConnection, base_id: int, sql: str) -> str:
    """The query of a snapshot's rows with the supplied values in their columns, in the same order.

    A value that its column's type cannot hold is left out; a field that has no column yet gets one of text.
    """
    people: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for row in supplied_store.supplied(unit, base_id):
        people[row.contact_id][row.field] = row.value
    for row in supplied_store.supplied_consents(unit, base_id):
        people[row.contact_id] |= {name: getattr(row, name) for name in _PROOF} | {"consent_complete": "true"}
    if not people:
        return sql
    fields = sorted({field for values in people.values() for field in values})
    columns: dict[str, pa.Array] = {"contact_id": pa.array(list(people), pa.int64())}
    for field in fields:
        values = [one.get(field) for one in people.values()]
        columns[f"v_{field}"] = pa.array(values, _PROOF.get(field, pa.string()))
    connection.register("supplied", pa.table(columns))
    types = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {sql}").fetchall()}
    replaced = [
        f"coalesce(TRY_CAST(s.{_quoted(f'v_{field}')} AS {types[field]}), m.{_quoted(field)}) AS {_quoted(field)}"
        for field in fields
        if field in types and not types[field].endswith("[]")
    ]
    fresh = [f"s.{_quoted(f'v_{field}')} AS {_quoted(field)}" for field in fields if field not in types]
    star = f"m.* REPLACE ({', '.join(replaced)})" if replaced else "m.*"
    return (
        f"SELECT {', '.join([star, *fresh])} FROM ({sql}) m"  # noqa: S608 - names are quoted
        " LEFT JOIN supplied s ON s.contact_id = m.contact_id ORDER BY m.contact_key"
    )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
