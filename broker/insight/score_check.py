"""Whether a score tells who will buy: distribution today, and its lift on purchases it had not seen.

The test is in time: the log is cut HOLD_DAYS before its end; everything that comes of purchases (spend, recency,
classes, last bought …) is worked out again from what lay before the cut; contacts known by then are scored as of that
day; then it is counted who bought after it. What a contact's file says (age, post code, traits) is taken as it stands
today, since its past is not kept: the page says so.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from broker.audience.build_snapshot import bought_by_customer
from broker.audience.columns import with_derived
from broker.audience.compile import table_columns
from broker.audience.customer_columns import customer_columns, is_reserved
from broker.audience.table import open_duckdb
from broker.insight import study_store
from broker.insight.customer_traits import customer_traits
from broker.insight.rules_of_base import RulesOfBase
from broker.insight.scorecard import score_expression
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings

HOLD_DAYS = 90
FEWEST_BUYERS = 30
GROUPS = 10
BARS = 20
Ints = npt.NDArray[np.int64]


def score_findings(
    unit: UnitOfWork, settings: Settings, path: Path, base_id: int, rules: RulesOfBase, until: date
) -> dict[str, Any]:
    """`{distribution: [{low, high, contacts}], check: {…} | null, reason}`; `until` is the last day of the log."""
    scores = pq.read_table(path, columns=["score"]).column("score").to_numpy().astype(np.int64)
    found: dict[str, Any] = {"contacts": len(scores), "distribution": distribution(scores), "check": None}
    cut = until - timedelta(days=HOLD_DAYS)
    later = study_store.days_with_purchases(unit, base_id, cut, until)
    if len(later) < FEWEST_BUYERS:
        return {**found, "reason": "too_few"}
    who, then = _scores_at(unit, settings, path, base_id, rules, cut)
    bought = np.isin(who, np.fromiter(later, dtype=np.int64, count=len(later)))
    if bought.sum() < FEWEST_BUYERS or bought.all():
        return {**found, "reason": "too_few"}
    return {**found, "reason": None, "check": {"cut": cut.isoformat(), "days": HOLD_DAYS, **lift(then, bought)}}


def distribution(scores: Ints) -> list[dict[str, int]]:
    """At most BARS bars of equal width over whole numbers."""
    if not len(scores):
        return []
    low, high = int(scores.min()), int(scores.max())
    width = max(1, -(-(high - low + 1) // BARS))
    counts = np.bincount((scores - low) // width)
    return [
        {"low": low + place * width, "high": min(low + (place + 1) * width - 1, high), "contacts": int(count)}
        for place, count in enumerate(counts)
    ]


def lift(scores: Ints, bought: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Groups of about a tenth, the highest scores first, equal scores together: who bought, over everybody's rate.

    `auc` is the chance that a buyer scored higher than who did not buy, ties counted half (0.5: no better than a coin).
    """
    whole = float(bought.mean())
    _, place, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    group = np.minimum((middle * GROUPS / len(scores)).astype(np.int64), GROUPS - 1)[place]
    rows = []
    for one in np.unique(group):
        inside = group == one
        rate = float(bought[inside].mean())
        rows.append(
            {
                "low": int(scores[inside].min()),
                "high": int(scores[inside].max()),
                "contacts": int(inside.sum()),
                "buyers": int(bought[inside].sum()),
                "rate": round(rate, 5),
                "lift": round(rate / whole, 3),
            }
        )
    below = np.cumsum(counts) - counts  # how many score higher, since values are negated
    rank = len(scores) - below - (counts - 1) / 2
    buyers = int(bought.sum())
    auc = (rank[place][bought].sum() - buyers * (buyers + 1) / 2) / (buyers * (len(scores) - buyers))
    return {
        "contacts": len(scores),
        "buyers": buyers,
        "rate": round(whole, 5),
        "auc": round(float(auc), 4),
        "groups": rows,
    }


def _scores_at(
    unit: UnitOfWork, settings: Settings, path: Path, base_id: int, rules: RulesOfBase, cut: date
) -> tuple[Ints, Ints]:
    """Contacts known on the day of the cut, and their scores as of it."""
    connection = open_duckdb(settings.audience.memory_mb, settings.audience.threads)
    try:

        def traits(bought: pa.Table, today: date) -> pa.Table:
            return customer_traits(bought, today, rules.rfm, rules.tiers)

        connection.register("then", customer_columns(bought_by_customer(unit, base_id, cut), cut, traits))
        place = str(path.absolute()).replace("'", "''")
        own = [name for name in pq.read_schema(path).names if not is_reserved(name) and name != "noise"]
        columns = ", ".join('s."' + name.replace('"', '""') + '"' for name in own)
        connection.execute(
            f"CREATE VIEW known AS SELECT {columns}, t.* EXCLUDE (contact_id) FROM read_parquet('{place}') s"  # noqa: S608
            f" LEFT JOIN \"then\" t USING (contact_id) WHERE CAST(s.consent_at AS DATE) <= DATE '{cut.isoformat()}'"
            " OR t.first_purchase IS NOT NULL"
        )
        schema = connection.sql("SELECT * FROM known LIMIT 0").to_arrow_table().schema
        table = ibis.table(ibis.Schema.from_pyarrow(schema), name="known")
        score, _ = score_expression(table, with_derived(table_columns(table)), rules.scorecard, cut)
        rows = connection.sql(
            str(ibis.to_sql(table.select("contact_id", score=score), dialect="duckdb"))
        ).to_arrow_table()
    finally:
        connection.close()
    return rows.column("contact_id").to_numpy(), rows.column("score").to_numpy().astype(np.int64)
