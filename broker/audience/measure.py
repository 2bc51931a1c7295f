"""Counting a new snapshot against the one before, for the base's quality."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import duckdb

from broker.audience import measure_store
from broker.audience.table import open_duckdb
from broker.bases import quality_store
from broker.bases.quality import Measured, score_of
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings

# What an owner's file may hold of everybody; custom traits and purchases differ from trade to trade.
FIELDS = (
    "gender", "birth_date", "postcode", "family_status", "occupation", "income", "has_phone", "has_street"
)  # fmt: skip
FRESH_DAYS = 365


def measure_snapshot(
    unit: UnitOfWork,
    settings: Settings,
    base_id: int,
    snapshot_id: int,
    number: int,
    new: Path,
    before: Path | None,
) -> None:
    """Count the snapshot file `new` and keep what it is worth."""
    sent, bounced, complained = measure_store.rates(unit, base_id)
    connection = open_duckdb(settings.audience.memory_mb, settings.audience.threads)
    try:
        counts = _count(connection, new, before, unit.today, sent, bounced, complained)
    finally:
        connection.close()
    score, parts, facts = score_of(counts)
    quality_store.add_quality(unit, base_id, snapshot_id, number, counts, score, parts, facts)


def _count(
    connection: duckdb.DuckDBPyConnection,
    new: Path,
    before: Path | None,
    today: date,
    sent: int,
    bounced: int,
    complained: int,
) -> Measured:
    place, since = _quoted(new), (today - timedelta(days=FRESH_DAYS)).isoformat()
    names = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM read_parquet({place})").fetchall()}  # noqa: S608
    fields = [name for name in FIELDS if name in names]
    proof, minor = "coalesce(consent_complete, false)", "coalesce(minor, false)"
    filled = [f"count(*) FILTER ({name})" if name.startswith("has_") else f"count({name})" for name in fields]
    row = connection.execute(
        f"SELECT count(*), count(*) FILTER ({proof} AND NOT {minor} AND partner_list IS NOT NULL),"  # noqa: S608
        f" count(*) FILTER (NOT {proof}), count(*) FILTER ({proof} AND {minor}),"
        f" count(*) FILTER ({proof} AND NOT {minor} AND partner_list IS NULL),"
        f" count(*) FILTER (greatest(CAST(consent_at AS DATE), last_purchase) >= DATE '{since}')"
        f"{''.join(', ' + one for one in filled)} FROM read_parquet({place})"
    ).fetchone()
    assert row is not None
    contacts, rentable, unproved, minors, unnamed, fresh, *complete = row
    arrivals, departures = contacts, 0
    if before is not None and before.exists():
        old = f"SELECT contact_id FROM read_parquet({_quoted(before)})"  # noqa: S608 - our own path, quoted
        both = connection.execute(
            f"SELECT count(*) FROM ({old}) SEMI JOIN read_parquet({place}) USING (contact_id)"  # noqa: S608
        ).fetchone()
        then = connection.execute(f"SELECT count(*) FROM ({old})").fetchone()  # noqa: S608
        assert both is not None
        assert then is not None
        arrivals, departures = contacts - both[0], then[0] - both[0]
    return Measured(
        contacts,
        arrivals,
        departures,
        rentable,
        dict(zip(fields, complete, strict=True)),
        {"consent": unproved, "minor": minors, "partner": unnamed},
        fresh,
        sent,
        bounced,
        complained,
    )


def _quoted(path: Path) -> str:
    return "'" + str(path.absolute()).replace("'", "''") + "'"
