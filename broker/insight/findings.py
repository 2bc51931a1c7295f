"""The aggregates of one snapshot's customers, and who moved since the snapshot before."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from broker.insight.customer_traits import HABITS
from broker.insight.settings_model import RfmSettings
from broker.insight.tiers import TIERS

TEXTS = ("rfm_class", "value_tier", "margin_tier", "habit", "off_cycle")
NUMBERS = ("contact_id", "rfm_recency", "rfm_frequency", "spend_cents", "margin_cents")
READ = (*NUMBERS, *TEXTS)
LATER = frozenset({"margin_tier", "off_cycle"})  # columns that older snapshots lack
NOBODY = pa.schema([(name, pa.string() if name in TEXTS else pa.int64()) for name in READ]).empty_table()
MOVES = (("classes", "rfm_class"), ("tiers", "value_tier"), ("margin_tiers", "margin_tier"), ("habits", "habit"))


def customers_of(path: Path) -> pa.Table | None:
    """The rows of a snapshot that bought something; None where the file or its columns are missing."""
    if not path.exists():
        return None
    names = set(pq.read_schema(path).names)
    if not set(READ) - LATER <= names:
        return None
    table = pq.read_table(
        path, columns=[name for name in READ if name in names], filters=pc.is_valid(pc.field("value_tier"))
    )
    for name in LATER - names:
        table = table.append_column(name, pa.nulls(table.num_rows, pa.string()))
    plain = pa.schema([(name, pa.string() if name in TEXTS else table.schema.field(name).type) for name in READ])
    return table.select(list(READ)).cast(plain)


def findings(customers: pa.Table, rfm: RfmSettings) -> dict[str, Any]:
    """The aggregates of docs/insight.md over columns READ, one row a customer."""
    heat = np.zeros((rfm.bins, rfm.bins), dtype=np.int64)
    scored = customers.filter(pc.is_valid(customers.column("rfm_class")))
    if scored.num_rows:
        place = [np.minimum(scored.column(name).to_numpy(), rfm.bins) - 1 for name in ("rfm_recency", "rfm_frequency")]
        np.add.at(heat, tuple(place), 1)
    return {
        "customers": customers.num_rows,
        "revenue_cents": _sum(customers.column("spend_cents")),
        "margin_cents": _sum(customers.column("margin_cents")),
        "classes": _groups(customers, "rfm_class", rfm.names),
        "heat": heat[::-1].tolist(),
        "tiers": _groups(customers, "value_tier", TIERS),
        "margin_tiers": _groups(customers, "margin_tier", TIERS),
        "habits": _groups(customers, "habit", HABITS),
        "off_cycle": _groups(customers, "off_cycle", ("no", "yes")),
    }


def moves(before: pa.Table, now: pa.Table) -> dict[str, Any]:
    """Who went from which class, tier and habit to which: `{"classes": [{from, to, customers}], …}`.

    `from` is None for who was no customer before, `to` is None for who is none any more.
    """
    columns = ["contact_id", *(name for _, name in MOVES)]
    joined = before.select(columns).join(
        now.select(columns),
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
            if row[f"{name}_before"] is not None or row[f"{name}_now"] is not None  # who only brought goods back
        ]
        for key, name in MOVES
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


def _sum(column: pa.ChunkedArray) -> int:
    return int(pc.sum(column).as_py() or 0)
