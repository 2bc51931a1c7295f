"""Counting a new snapshot against the one before, for the base's quality: customers and prospects apart."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb
import pyarrow as pa

from broker.audience import measure_store, store
from broker.audience.compile import day_of
from broker.audience.customer_columns import is_reserved
from broker.audience.merge import CONSENT, KEYS
from broker.audience.table import open_duckdb
from broker.bases import quality_store
from broker.bases.quality import AGE_MONTHS, AGED, AGES, FRESH_MONTHS, RELATIONS, score_of, together
from broker.bases.quality_model import Measured
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings, TradeSettings

# What an owner's file may hold of everybody; custom traits and purchases differ from trade to trade.
FIELDS = (
    "gender", "birth_date", "postcode", "family_status", "occupation", "income", "has_phone", "has_street"
)  # fmt: skip
# Columns that are neither core fields nor the trade's own: keys, consent, and what follows from the post code.
_NO_TRAITS = frozenset(
    {*FIELDS, *KEYS, *CONSENT, "noise", "minor", "relation", "commune", "department", "region", "country"}
)
# Why somebody is not rentable, in the order of the counts' exclusions; what depends on an advertiser is left out.
REASONS = ("consent", "quarantine", "minor", "partner", "suppression", "retention")


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
    rates = measure_store.rates(unit, base_id)
    connection = open_duckdb(settings.audience.memory_mb, settings.audience.threads)
    try:
        _register(unit, connection, base_id)
        groups = _count(connection, settings.trade, new, unit.today)
        moves = _moves(connection, new, before)
    finally:
        connection.close()
    measured = {}
    for relation in RELATIONS:
        sent, bounced, complained = rates.get(relation, (0, 0, 0))
        arrivals, departures = moves.get(relation, (0, 0))
        measured[relation] = together(
            groups.get(relation, Measured()),
            Measured(arrivals=arrivals, departures=departures, sent=sent, bounced=bounced, complained=complained),
        )
    whole = together(measured["customer"], measured["prospect"])
    score, parts, facts = score_of(whole)
    facts["relations"] = {relation: one.sized_facts() for relation, one in measured.items()}
    quality_store.add_quality(unit, base_id, snapshot_id, number, whole, score, parts, facts)


def _register(unit: UnitOfWork, connection: duckdb.DuckDBPyConnection, base_id: int) -> None:
    """What the database knows of the base's people, as tables of DuckDB."""
    ids = {
        "quarantined": store.quarantined_contacts(unit, base_id).tolist(),
        "suppressed": measure_store.suppressed_contacts(unit, base_id),
    }
    for name, contacts in ids.items():
        connection.register(name, pa.table({"contact_id": pa.array(contacts, pa.int64())}))
    versions = sorted(store.partner_versions(unit, base_id))
    connection.register("versions", pa.table({"version": pa.array(versions, pa.int32())}))
    connection.register("clicks", measure_store.last_clicks(unit, base_id))
    connection.register("visits", measure_store.last_visits(unit, base_id))


def _count(connection: duckdb.DuckDBPyConnection, trade: TradeSettings, new: Path, today: date) -> dict[str, Measured]:
    """Measured by relation, without what happened to mails and between snapshots."""
    place = _quoted(new)
    names = {row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM read_parquet({place})").fetchall()}  # noqa: S608
    fields = [name for name in FIELDS if name in names]
    traits = sorted(name for name in names if name not in _NO_TRAITS and not is_reserved(name))
    filled = [f"count(*) FILTER ({name})" if name.startswith("has_") else f"count({name})" for name in fields]
    filled += [f"count({_name(name)})" for name in traits]
    ages = [f"count(*) FILTER ({condition})" for name in AGED for condition in _age_conditions(f"{name}_day", today)]
    reasons = [f"count(*) FILTER (reason = '{reason}')" for reason in REASONS]
    fresh = f"count(*) FILTER (greatest(purchase_day, activity_day, click_day) >= {_ago(FRESH_MONTHS, today)})"
    columns = ["count(*)", "count(*) FILTER (reason IS NULL)", fresh, *reasons, *filled, *ages]
    rows = connection.execute(
        f"SELECT relation, {', '.join(columns)} FROM ({_people(place, trade, today)}) GROUP BY relation"  # noqa: S608 - our own names
    ).fetchall()
    measured = {}
    for relation, contacts, rentable, recent, *counts in rows:
        why, counts = counts[: len(REASONS)], counts[len(REASONS) :]
        full, counts = counts[: len(fields)], counts[len(fields) :]
        own, buckets = counts[: len(traits)], iter(counts[len(traits) :])
        measured[relation] = Measured(
            contacts=contacts,
            rentable=rentable,
            filled=dict(zip(fields, full, strict=True)),
            traits=dict(zip(traits, own, strict=True)),
            not_rentable=dict(zip(REASONS, why, strict=True)),
            fresh=recent,
            ages={name: {age: next(buckets) for age in AGES} for name in AGED},
        )
    return measured


def _people(place: str, trade: TradeSettings, today: date) -> str:
    """A query for each person's relation, first reason not to be rented, last days, and the snapshot's columns.

    The reasons are those of `exclusion_masks` towards somebody, pressure left out: it passes by itself.
    """
    adult = f"DATE '{day_of({'today': -trade.adult_age, 'unit': 'years'}, today).isoformat()}'"
    minor = f"CASE WHEN s.birth_date IS NOT NULL THEN s.birth_date > {adult} ELSE coalesce(s.minor, false) END"
    limit = _ago(max(trade.retention_months, trade.prospect_retention_months), today)
    heard = "greatest(s.last_purchase, CAST(s.consent_at AS DATE), c.day, v.day)"
    reason = (
        "CASE WHEN NOT coalesce(s.consent_complete, false) THEN 'consent'"  # noqa: S608 - our own names
        " WHEN s.contact_id IN (SELECT contact_id FROM quarantined) THEN 'quarantine'"
        f" WHEN {minor} THEN 'minor'"
        " WHEN coalesce(s.partner_list, 0) NOT IN (SELECT version FROM versions) THEN 'partner'"
        " WHEN s.contact_id IN (SELECT contact_id FROM suppressed) THEN 'suppression'"
        f" WHEN NOT coalesce({heard} >= {limit}, false) THEN 'retention' END"
    )
    return (
        "SELECT s.* EXCLUDE (relation), coalesce(CAST(s.relation AS VARCHAR), 'prospect') AS relation,"  # noqa: S608 - ours
        f" {reason} AS reason,"
        " s.last_purchase AS purchase_day, greatest(CAST(s.consent_at AS DATE), v.day) AS activity_day,"
        f" c.day AS click_day FROM read_parquet({place}) s"
        " LEFT JOIN clicks c ON c.contact_id = s.contact_id LEFT JOIN visits v ON v.contact_id = s.contact_id"
    )


def _age_conditions(day: str, today: date) -> list[str]:
    """A condition for each of AGES, in their order."""
    bounds = [_ago(months, today) for months in AGE_MONTHS]
    conditions = [f"{day} >= {bounds[0]}"]
    conditions += [f"{day} >= {low} AND {day} < {high}" for high, low in pairwise(bounds)]
    return [*conditions, f"{day} < {bounds[-1]}", f"{day} IS NULL"]


def _ago(months: int, today: date) -> str:
    return f"DATE '{day_of({'today': -months, 'unit': 'months'}, today).isoformat()}'"


def _moves(connection: duckdb.DuckDBPyConnection, new: Path, before: Path | None) -> dict[str, tuple[int, int]]:
    """Relation → (who came, who left) since the snapshot before. Who became a customer did not leave."""
    now = f"SELECT contact_id, relation FROM read_parquet({_quoted(new)})"  # noqa: S608 - our own path, quoted
    if before is None or not before.exists():
        rows = connection.execute(
            f"SELECT coalesce(CAST(relation AS VARCHAR), 'prospect'), count(*) FROM ({now}) GROUP BY 1"  # noqa: S608
        ).fetchall()
        return {relation: (count, 0) for relation, count in rows}
    then = f"SELECT contact_id, relation FROM read_parquet({_quoted(before)})"  # noqa: S608
    rows = connection.execute(
        "SELECT coalesce(CAST(coalesce(n.relation, o.relation) AS VARCHAR), 'prospect'),"  # noqa: S608
        " count(*) FILTER (o.contact_id IS NULL), count(*) FILTER (n.contact_id IS NULL)"
        f" FROM ({now}) n FULL JOIN ({then}) o USING (contact_id) GROUP BY 1"
    ).fetchall()
    return {relation: (arrived, left) for relation, arrived, left in rows}


def _quoted(path: Path) -> str:
    return "'" + str(path.absolute()).replace("'", "''") + "'"


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
