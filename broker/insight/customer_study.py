"""A base's own study while its snapshot is built: classes, tiers, cycles, potential, anniversaries and the score.

`study_of` reads what the owner set and what its customers did; `CustomerStudy` adds the columns (docs/insight.md) and
notes with which versions. A base too small for a model simply has no potential: a build never fails for it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb
import ibis
import numpy as np
import pyarrow as pa

from broker.audience.columns import with_derived
from broker.audience.compile import table_columns
from broker.insight import store
from broker.insight.customer_traits import customer_traits
from broker.insight.cycle import cycles
from broker.insight.potential_of_base import Potential, potential_of
from broker.insight.purchase_days import EPOCH, PurchaseDays, last_bought, purchase_days
from broker.insight.rules_of_base import RulesOfBase, rules_of_base
from broker.insight.scorecard import score_expression
from broker.kernel.database import UnitOfWork

YES_NO = ("no", "yes")


@dataclass
class CustomerStudy:
    """What is added to one snapshot; `skipped` are criteria that its columns cannot answer."""

    rules: RulesOfBase
    today: date
    base_id: int
    days: PurchaseDays
    bought: dict[str, tuple[str, Any, Any]]
    potential: Potential
    skipped: list[str] = field(default_factory=list)

    def add_traits(self, bought: pa.Table, today: date) -> pa.Table:
        """Classes, tiers and habits as the owner set them; habits on the last day of the log."""
        until = date.fromordinal(self.days.until + EPOCH) if len(self.days.contact_id) else today
        return customer_traits(bought, today, self.rules.rfm, self.rules.tiers, min(until, today))

    def finished(self, connection: duckdb.DuckDBPyConnection, sql: str) -> str:
        """The snapshot's rows with off_cycle, potential, days of last purchases and, with a scorecard, the score."""
        connection.register("studied", self._table())
        joined = f"SELECT m.*, c.* EXCLUDE (contact_id) FROM ({sql}) m LEFT JOIN studied c USING (contact_id)"  # noqa: S608
        if not self.rules.scorecard:
            return f"{joined} ORDER BY contact_key"
        connection.execute(f"CREATE OR REPLACE TEMP VIEW unscored AS {joined}")
        schema = connection.sql("SELECT * FROM unscored LIMIT 0").to_arrow_table().schema
        table = ibis.table(ibis.Schema.from_pyarrow(schema), name="unscored")
        columns = with_derived(table_columns(table))
        score, self.skipped = score_expression(table, columns, self.rules.scorecard, self.today)
        scored = ibis.to_sql(table.mutate(score=score), dialect="duckdb")
        return f"SELECT * FROM ({scored}) ORDER BY contact_key"  # noqa: S608 - made by Ibis

    def keep(self, unit: UnitOfWork, snapshot_id: int) -> None:
        """Note the versions used and the fitted model."""
        kept = {**self.potential.model(), "horizon_days": self.rules.potential.horizon_days}
        categories = {column: name for column, (name, _, _) in self.bought.items()}
        used = {**self.rules.versions, "skipped": self.skipped, "categories": categories}
        store.insert_run(unit, snapshot_id, self.base_id, used, kept)

    def _table(self) -> pa.Table:
        days = self.days
        cycle = cycles(days.visits, days.first, days.last, days.gap_squares, days.until)
        columns: dict[str, pa.Array] = {
            "contact_id": pa.array(days.contact_id, pa.int64()),
            "off_cycle": pa.array([YES_NO[off] for off in cycle.off.tolist()], mask=~cycle.known, type=pa.string()),
        }
        if self.potential.reason is None:
            columns["expected_purchases"] = _rounded(self.potential.purchases, 3)
            columns["alive"] = _rounded(self.potential.alive, 3)
            if self.potential.much is not None:
                columns["expected_value"] = _rounded(self.potential.value, 2)
        for name, (_, who, day) in self.bought.items():
            at = np.searchsorted(days.contact_id, who)
            whole, missing = np.zeros(len(days.contact_id), dtype=np.int32), np.ones(len(days.contact_id), dtype=bool)
            whole[at], missing[at] = day, False
            columns[name] = pa.array(whole, mask=missing, type=pa.int32()).cast(pa.date32())
        return pa.table(columns)


def study_of(unit: UnitOfWork, base_id: int) -> CustomerStudy:
    """The study of a base as it stands today."""
    rules = rules_of_base(unit, base_id)
    days = purchase_days(unit, base_id, unit.today)
    return CustomerStudy(
        rules,
        unit.today,
        base_id,
        days,
        last_bought(unit, base_id, unit.today),
        potential_of(days.histories(), rules.potential.horizon_days),
    )


def _rounded(values: Any, digits: int) -> pa.Array:
    return pa.array(np.round(values, digits), pa.float64(), mask=np.isnan(values))
