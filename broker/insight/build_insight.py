"""Job `build_insight`: what a snapshot says of a base's customers, and what changed since the one before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from broker.insight import store
from broker.insight.customer_traits import HABITS
from broker.insight.rfm import CLASSES
from broker.insight.tiers import TIERS
from broker.kernel.database import Database
from broker.kernel.settings import Settings

CLASS_NAMES = tuple(row[0] for row in CLASSES)
READ = ("contact_id", "rfm_class", "rfm_recency", "rfm_frequency", "value_tier", "habit", "spend_cents", "margin_cents")
BINS = 5
NOBODY = pa.schema(
    [(name, pa.string() if name in ("rfm_class", "value_tier", "habit") else pa.int64()) for name in READ]
).empty_table()


def build_insight(database: Database, settings: Settings, snapshot_id: int) -> None:
    """Work out and keep the findings on one snapshot. Harmless when run twice; a file gone by now has no customers."""
    with database.begin() as unit:
        row = store.snapshot_to_study(unit, snapshot_id)
        if row is None:
            return
        folder = settings.state_dir / "snapshots"
        now = _customers(folder / row.file_name)
        now = NOBODY if now is None else now
        before = None if row.before_file is None else _customers(folder / row.before_file)
        found = findings(now)
        found["moves"] = None if before is None else {"since": row.before_number, **moves(before, now)}
        store.insert_insight(unit, snapshot_id, row.base_id, unit.today, found)


def findings(customers: pa.Table) -> dict[str, Any]:
    """The aggregates of docs/insight.md over columns READ, one row a customer."""
    heat = np.zeros((BINS, BINS), dtype=np.int64)
    scored = customers.filter(pc.is_valid(customers.column("rfm_class")))
    if scored.num_rows:
        place = [scored.column(name).to_numpy() - 1 for name in ("rfm_recency", "rfm_frequency")]
        np.add.at(heat, tuple(place), 1)
    return {
        "customers": customers.num_rows,
        "revenue_cents": _sum(customers.column("spend_cents")),
        "margin_cents": _sum(customers.column("margin_cents")),
        "classes": _groups(customers, "rfm_class", CLASS_NAMES),
        "heat": heat[::-1].tolist(),
        "tiers": _groups(customers, "value_tier", TIERS),
        "habits": _groups(customers, "habit", HABITS),
    }


def moves(before: pa.Table, now: pa.Table) -> dict[str, Any]:
    """Who went from which class, tier and habit to which: `{"classes": [{from, to, customers}], …}`.

    `from` is None for who was no customer before, `to` is None for who is none any more.
    """
    joined = before.select(["contact_id", "rfm_class", "value_tier", "habit"]).join(
        now.select(["contact_id", "rfm_class", "value_tier", "habit"]),
        keys="contact_id",
        join_type="full outer",
        left_suffix="_before",
        right_suffix="_now",
    )
    return {
        key: [
            {"from": row[f"{name}_before"], "to": row[f"{name}_now"], "customers": row["contact_id_count"]}
            for row in joined.group_by([f"{name}_before", f"{name}_now"])
            .aggregate([("contact_id", "count")])
            .sort_by([("contact_id_count", "descending")])
            .to_pylist()
        ]
        for key, name in (("classes", "rfm_class"), ("tiers", "value_tier"), ("habits", "habit"))
    }


def _groups(customers: pa.Table, name: str, values: Iterable[str]) -> list[dict[str, Any]]:
    """Each value in its order, also those without customers."""
    sums = customers.group_by(name).aggregate(
        [("contact_id", "count"), ("spend_cents", "sum"), ("margin_cents", "sum")]
    )
    rows = {row[name]: row for row in sums.to_pylist()}
    nothing = {"contact_id_count": 0, "spend_cents_sum": 0, "margin_cents_sum": 0}
    return [
        {
            "name": value,
            "customers": row["contact_id_count"],
            "revenue_cents": row["spend_cents_sum"] or 0,
            "margin_cents": row["margin_cents_sum"] or 0,
        }
        for value in values
        for row in (rows.get(value, nothing),)
    ]


def _customers(path: Path) -> pa.Table | None:
    """The rows of a snapshot that bought something; None where the file or its columns are missing."""
    if not path.exists() or not set(READ) <= set(pq.read_schema(path).names):
        return None
    table = pq.read_table(path, columns=list(READ), filters=pc.is_valid(pc.field("value_tier")))
    texts = [
        pa.field(field.name, pa.string()) if pa.types.is_dictionary(field.type) else field for field in table.schema
    ]
    return table.cast(pa.schema(texts))


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)
