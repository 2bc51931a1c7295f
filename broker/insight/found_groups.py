"""Affinity on a base: tiers, classes and saved segments against categories and products, on its current snapshot.

Told is what differs in the mix (groups.py): that large customers buy more of everything is no finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from broker.audience.columns import HIDDEN
from broker.audience.references import checked_rule
from broker.audience.table import RuleTable, open_duckdb
from broker.audience.words import written
from broker.insight import study_store
from broker.insight.affinity import high_end, is_surprise
from broker.insight.groups import LEVEL, Ints, unlike_chance
from broker.insight.tiers import TIERS
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.kernel.settings import Settings

MOST_ITEMS = {"category": 60, "product": 120}
TAGS = {"category": "categories", "product": "products"}
MOST_SEGMENTS = 12
MOST_TOLD = 60
Mask = npt.NDArray[np.bool_]


def group_findings(
    unit: UnitOfWork,
    settings: Settings,
    path: Path,
    base_id: int,
    classes: Sequence[str],
    segments: Sequence[Any],
) -> dict[str, Any]:
    """`{tested, level, rows: [{group, kind, rule, item, label, …}]}`, surprises first; `rule` opens the segment."""
    names = [name for name in ("contact_id", "rfm_class", "value_tier") if name in pq.read_schema(path).names]
    if len(names) < 3:
        return {"tested": 0, "level": LEVEL, "rows": []}
    table = pq.read_table(path, columns=names)
    tier = np.array(table.column("value_tier").cast(pa.string()).to_pylist(), dtype=object)
    customers = tier != None  # noqa: E711 - elementwise
    named = np.array(table.column("rfm_class").cast(pa.string()).to_pylist(), dtype=object)[customers]
    tier = tier[customers]
    groups: list[tuple[str, str, str, Mask]] = [
        *(("tier", one, f"value_tier = {one}", tier == one) for one in TIERS),
        *(("class", one, f"rfm_class = {written(one)}", named == one) for one in classes),
        *_segments(unit, settings, path, base_id, customers, segments),
    ]
    ids = table.column("contact_id").to_numpy()[customers]
    order = np.argsort(ids)
    rows: list[dict[str, Any]] = []
    tested = 0
    for label, most in MOST_ITEMS.items():
        found, count = _against(unit, base_id, label, most, ids[order], [(*one[:3], one[3][order]) for one in groups])
        rows += found
        tested += count
    rows.sort(key=lambda one: (not one["surprise"], one["mix_corrected_p"], -one["customers"]))
    return {"tested": tested, "level": LEVEL, "rows": rows[:MOST_TOLD]}


def _against(
    unit: UnitOfWork, base_id: int, label: str, most: int, ids: Ints, groups: list[tuple[str, str, str, Mask]]
) -> tuple[list[dict[str, Any]], int]:
    items = study_store.widest(unit, base_id, label, unit.today, most)
    if not items or not len(ids):
        return [], 0
    bought = study_store.items_bought(unit, base_id, label, items)
    places = {name: place for place, name in enumerate(items)}
    who = np.minimum(np.searchsorted(ids, bought.column("contact_id").to_numpy()), len(ids) - 1)
    known = ids[who] == bought.column("contact_id").to_numpy()
    item = np.array([places[name] for name in bought.column("item").to_pylist()], dtype=np.int64)
    cents, lines = (bought.column(name).to_numpy().astype(np.float64) for name in ("cents", "lines"))
    price = np.bincount(item, weights=cents, minlength=len(items)) / np.maximum(
        np.bincount(item, weights=lines, minlength=len(items)), 1
    )
    high = high_end(price)
    pairs = unlike_chance([mask for *_, mask in groups], who[known], item[known], len(items))
    found = []
    for pair in pairs:
        if pair.mix_corrected_p >= LEVEL:  # it only buys more, or less, of everything
            continue
        kind, group, rule, _ = groups[pair.group]
        name = items[pair.item]
        own = f"{TAGS[label]} has {written(name)}"
        found.append(
            {
                "kind": kind,
                "group": group,
                "label": label,
                "item": name,
                "customers": pair.customers,
                "support": round(pair.support, 5),
                "confidence": round(pair.confidence, 5),
                "lift": round(pair.lift, 3),
                "corrected_p": pair.corrected_p,
                "mean_price_cents": round(float(price[pair.item])),
                "mix_lift": round(pair.mix_lift, 3),
                "mix_corrected_p": pair.mix_corrected_p,
                "surprise": (kind, group) == ("tier", "small") and is_surprise(pair, float(price[pair.item]), high),
                "rule": f"({rule}) and {own}" if " or " in rule else f"{rule} and {own}",
            }
        )
    return found, len(items) * len(groups)


def _segments(
    unit: UnitOfWork, settings: Settings, path: Path, base_id: int, customers: Mask, segments: Sequence[Any]
) -> list[tuple[str, str, str, Mask]]:
    """The masks of saved segments; one whose rule the snapshot cannot answer is left out."""
    if not segments:
        return []
    connection = open_duckdb(settings.audience.memory_mb, settings.audience.threads)
    found: list[tuple[str, str, str, Mask]] = []
    try:
        place = str(path.absolute()).replace("'", "''")
        hidden = ", ".join(sorted(HIDDEN & set(pq.read_schema(path).names)))
        connection.execute(f"CREATE VIEW snapshot AS SELECT * EXCLUDE ({hidden}) FROM read_parquet('{place}')")  # noqa: S608
        table = RuleTable(connection, "snapshot", unit.today)
        for segment in segments[:MOST_SEGMENTS]:
            try:
                rule = checked_rule(unit, base_id, segment.rule, table.columns)
                found.append(("segment", segment.name, segment.rule_text, table.mask(rule)[customers]))
            except CourtierError:
                continue
    finally:
        connection.close()
    return found
