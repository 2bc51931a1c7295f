"""Queries of the snapshot build, as the worker role."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from sqlalchemy.engine import Row

from broker.audience.snapshot_file import WrittenSnapshot
from broker.kernel.database import UnitOfWork

# Favourites are what was bought most often, ties by name. `visits` are days with a purchase; `bought_*` leave returns
# out. Columns as BOUGHT in customer_columns.py names them.
PURCHASES_COPY = """
COPY (
  SELECT contact_id, min(day), max(day), count(*), sum(amount_cents), sum(margin_cents),
         mode() WITHIN GROUP (ORDER BY category), mode() WITHIN GROUP (ORDER BY payment_means),
         string_agg(DISTINCT nullif(category, ''), chr(31)), string_agg(DISTINCT nullif(product, ''), chr(31)),
         count(DISTINCT day), count(DISTINCT day) FILTER (WHERE day > %s::date - 365),
         count(*) FILTER (WHERE amount_cents >= 0), max(day) FILTER (WHERE amount_cents >= 0),
         mode() WITHIN GROUP (ORDER BY nullif(product, ''))
  FROM purchase WHERE base_id = %s AND day <= %s GROUP BY contact_id
) TO STDOUT (FORMAT csv)
"""


def lock_import(unit: UnitOfWork, import_id: int) -> Row[Any] | None:
    """The import with its base and the snapshot before it; holds the base's lock until the unit ends."""
    unit.run(
        "SELECT 1 FROM base WHERE id = (SELECT base_id FROM import_run WHERE id = :import_id) FOR NO KEY UPDATE",
        import_id=import_id,
    )
    return unit.one(
        "SELECT r.kind, r.state, r.summary, r.policies, r.base_id, b.code AS base_code, s.file_name AS before_file,"
        " coalesce((SELECT max(number) FROM snapshot WHERE base_id = b.id), 0) + 1 AS next_number"
        " FROM import_run r JOIN base b ON b.id = r.base_id LEFT JOIN snapshot s ON s.id = b.current_snapshot_id"
        " WHERE r.id = :import_id",
        import_id=import_id,
    )


def erased(unit: UnitOfWork, base_id: int) -> list[int]:
    """Contacts whose address was erased: their traits go with this snapshot."""
    rows = unit.all("SELECT id FROM contact WHERE base_id = :base_id AND sealed IS NULL", base_id=base_id)
    return [row.id for row in rows]


def last_clicks(unit: UnitOfWork, base_id: int) -> pa.Table:
    """(contact_id, day) of the last click of a person in a mail of the base; scanners' clicks do not count."""
    rows = unit.all(
        "SELECT s.contact_id, (max(h.at) AT TIME ZONE 'Europe/Paris')::date AS day FROM mailing m"
        " JOIN hit h ON h.mailing_id = m.id AND h.verdict = 'human'"
        " JOIN send s ON s.dispatch_id = h.dispatch_id AND s.mailing_id = h.mailing_id AND s.position = h.position"
        " WHERE m.base_id = :base_id AND s.contact_id IS NOT NULL GROUP BY 1",
        base_id=base_id,
    )
    return pa.table(
        {
            "contact_id": pa.array([row.contact_id for row in rows], pa.int64()),
            "day": pa.array([row.day for row in rows], pa.date32()),
        }
    )


def unconsented(unit: UnitOfWork, base_id: int) -> pa.Table:
    """(contact_id, at): until when no consent counts. A source in quarantine is an exclusion of every count instead."""
    rows = unit.all(
        "SELECT id, consent_withdrawn_at AS at FROM contact WHERE base_id = :base_id"
        " AND consent_withdrawn_at IS NOT NULL",
        base_id=base_id,
    )
    return pa.table(
        {
            "contact_id": pa.array([row.id for row in rows], pa.int64()),
            "at": pa.array([row.at for row in rows], pa.timestamp("us", tz="UTC")),
        }
    )


def insert_snapshot(
    unit: UnitOfWork,
    base_id: int,
    number: int,
    import_id: int | None,
    file_name: str,
    written: WrittenSnapshot,
) -> int:
    """The row of a written snapshot; returns its id."""
    snapshot_id: int = unit.scalar(
        "INSERT INTO snapshot (base_id, number, import_id, file_name, sha256, rows, rentable, columns)"
        " VALUES (:base_id, :number, :import_id, :file_name, :sha256, :rows, :rentable, CAST(:columns AS jsonb))"
        " RETURNING id",
        base_id=base_id,
        number=number,
        import_id=import_id,
        file_name=file_name,
        sha256=written.sha256,
        rows=written.rows,
        rentable=written.rentable,
        columns=json.dumps(written.columns),
    )
    return snapshot_id


def finish_import(unit: UnitOfWork, import_id: int, base_id: int, snapshot_id: int) -> None:
    """The snapshot becomes the base's current one and the import is done."""
    unit.run("UPDATE base SET current_snapshot_id = :id WHERE id = :base_id", id=snapshot_id, base_id=base_id)
    unit.run(
        "UPDATE import_run SET state = 'done', snapshot_id = :id, ended_at = app_now() WHERE id = :import_id",
        id=snapshot_id,
        import_id=import_id,
    )
