"""Job `build_insight`: what a snapshot says of a base's customers, and what changed since the one before.

Several steps, each told as it begins (`insight_run`), so that the page can show how far it is. The findings are kept at
the end, at once; a job that was lost begins anew.
"""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from broker.insight import store, study_store
from broker.insight.findings import NOBODY, customers_of, findings, moves
from broker.insight.found_groups import group_findings
from broker.insight.found_shops import shop_findings
from broker.insight.partners import next_sectors
from broker.insight.potential import BgNbd, GammaGamma
from broker.insight.potential_of_base import Potential, deciles, fit_table, held_out, sample
from broker.insight.purchase_days import EPOCH, purchase_days
from broker.insight.rules_of_base import rules_of_base
from broker.insight.score_check import score_findings
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.settings import Settings

STEPS = ("classes", "score", "potential", "affinity", "shops")
HELD_OUT_SHARE = 5  # the last fifth of the log
MOST_BEHIND = 3 * 365  # days of log that the split looks back over


def build_insight(database: Database, settings: Settings, snapshot_id: int) -> None:
    """Work out and keep the findings on one snapshot. Harmless when run twice; a file gone by now has no customers."""
    folder = settings.state_dir / "snapshots"
    with database.begin() as unit:
        row = store.snapshot_to_study(unit, snapshot_id)
        if row is None:
            return
    path = folder / row.file_name
    found: dict[str, Any] = {}
    for step, name in enumerate(STEPS):
        with database.begin() as unit:
            store.tell_step(unit, snapshot_id, row.base_id, step, len(STEPS), name)
        with database.begin() as unit:
            found |= _step(unit, settings, name, row, path, folder)
    with database.begin() as unit:
        store.tell_step(unit, snapshot_id, row.base_id, len(STEPS), len(STEPS), "done")
        store.insert_insight(unit, snapshot_id, row.base_id, unit.today, found)


def _step(unit: UnitOfWork, settings: Settings, name: str, row: Any, path: Path, folder: Path) -> dict[str, Any]:
    rules = rules_of_base(unit, row.base_id)
    if name == "classes":
        now = customers_of(path)
        before = None if row.before_file is None else customers_of(folder / row.before_file)
        found = findings(NOBODY if now is None else now, rules.rfm)
        found["moves"] = None
        if before is not None:
            found["moves"] = {"since": row.before_number, **moves(before, NOBODY if now is None else now)}
        return found
    if not path.exists():
        return {name: None}
    if name == "affinity":
        segments = store.newest_segments(unit, row.base_id)
        return {
            "affinity": group_findings(unit, settings, path, row.base_id, rules.rfm.names, segments),
            "sectors": [
                one.as_json()
                for one in next_sectors(
                    store.sector_of(unit, row.base_id), study_store.sector_results(unit, row.base_id)
                )
            ],
        }
    days = purchase_days(unit, row.base_id, unit.today)
    until = date.fromordinal(days.until + EPOCH) if len(days.contact_id) else unit.today
    if name == "score":
        if "score" not in pq.read_schema(path).names:
            return {"score": None}
        return {"score": score_findings(unit, settings, path, row.base_id, rules, until)}
    if name == "shops":
        return {"shops": shop_findings(unit, path, row.base_id, until), "until": until.isoformat()}
    return {"potential": _potential(unit, path, row, until)}


def _potential(unit: UnitOfWork, path: Path, row: Any, until: date) -> dict[str, Any]:
    """The model that the snapshot was built with, how well it fits, and totals by decile."""
    run = store.run_of(unit, row.snapshot_id)
    model = {} if run is None else run.potential
    if "bgnbd" not in model:
        return {"reason": model.get("reason", "too_few"), "horizon_days": model.get("horizon_days")}
    days = purchase_days(unit, row.base_id, unit.today)
    often = BgNbd(**model["bgnbd"])
    much = None if model["gamma_gamma"] is None else GammaGamma(**model["gamma_gamma"])
    names = ["expected_purchases", "alive", *(["expected_value"] if much else [])]
    table = pq.read_table(path, columns=names).drop_null()
    columns = {name: table.column(name).to_numpy() for name in names}
    value = columns.get("expected_value", np.full(table.num_rows, np.nan))
    whole = Potential(None, columns["expected_purchases"], value, columns["alive"], often, much)
    shown = sample(days.histories())
    return {
        **model,
        "reason": None,
        "customers": table.num_rows,
        "purchases": round(float(whole.purchases.sum()), 1),
        "value": None if much is None else round(float(value.sum()), 2),
        "alive": round(float(whole.alive.sum()), 1),
        "deciles": deciles(whole),
        "fit": {"customers": len(shown.x), "rows": fit_table(often, shown)},
        "held_out": _held_out(unit, row.base_id, until, days.first),
        "log_likelihood": dataclasses.asdict(often)["log_likelihood"],
    }


def _held_out(unit: UnitOfWork, base_id: int, until: date, first: Any) -> dict[str, Any] | None:
    behind = min(int(until.toordinal() - EPOCH - first.min()), MOST_BEHIND)
    cut = until - timedelta(days=behind // HELD_OUT_SHARE)
    before = purchase_days(unit, base_id, cut)
    if not len(before.contact_id) or cut == until:
        return None
    bought = study_store.days_with_purchases(unit, base_id, cut, until)
    later = np.array([bought.get(who, 0) for who in before.contact_id.tolist()], dtype=np.int64)
    return held_out(before.histories(), later, (until.toordinal() - EPOCH - before.until) / 7)
