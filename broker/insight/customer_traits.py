"""What a snapshot says of each customer: RFM scores and class, value tier, own cycle and habit.

- RFM as rfm.py documents it, recency on the day of the snapshot; purchases dated later count as today's.
- Tiers as tiers.py documents them, by revenue and, where any margin is known, by margin.
- `cycle_days`: the mean number of days between two visits (days with a purchase), from the second visit on.
- `habit`: `once` (one visit so far), else by the days since the last visit, in own cycles: `regular` up to 1.5,
  `late` up to 3, `lapsed` beyond. A cycle counts as a week at least, so that two visits in two days found no habit.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from broker.insight.rfm import Ints, score
from broker.insight.settings_model import RfmSettings, TierSettings
from broker.insight.tiers import TIERS, tiers_by

HABITS = ("once", "regular", "late", "lapsed")
SHORTEST_CYCLE = 7
EPOCH = date(1970, 1, 1).toordinal()


def customer_traits(
    bought: pa.Table,
    today: date,
    rfm: RfmSettings = RfmSettings(),  # noqa: B008 - frozen
    tier: TierSettings = TierSettings(),  # noqa: B008 - frozen
    until: date | None = None,
) -> pa.Table:
    """Add `rfm_class`, `rfm_recency`, `rfm_frequency`, `rfm_monetary`, both tiers, `cycle_days`, `habit`.

    `until` is the last day of the log (default: today), on which habits are looked at.
    `bought` has the columns of customer_columns.BOUGHT. Whoever only returned goods has a tier and no RFM class.
    """
    day = today.toordinal() - EPOCH
    end = day if until is None else until.toordinal() - EPOCH
    count = _ints(bought, "bought_count")
    scored = count > 0
    found: dict[str, pa.Array] = {}
    recency = np.maximum(day - _ints(bought, "bought_last", day), 0)
    names = ("rfm_recency", "rfm_frequency", "rfm_monetary")
    if scored.any():
        scores = score(recency[scored], count[scored], _ints(bought, "spend_cents")[scored], rfm)
        for name, values in zip(names, (scores.r, scores.f, scores.m), strict=True):
            found[name] = _placed(values, scored)
        classes = _placed(scores.classes, scored)
    else:
        found = {name: pa.nulls(len(count), pa.int32()) for name in names}
        classes = pa.nulls(len(count), pa.int32())
    found["rfm_class"] = pc.take(pa.array(rfm.names), classes)
    tiers = tiers_by(_ints(bought, "spend_cents"), tier, "revenue")
    found["value_tier"] = pc.take(pa.array(TIERS), pa.array(tiers))
    margins = tiers_by(_ints(bought, "margin_cents"), tier, "margin")
    known = bought.column("margin_cents").null_count < len(count)
    found["margin_tier"] = pc.take(pa.array(TIERS), pa.array(margins, mask=np.full(len(count), not known)))
    visits = _ints(bought, "visits")
    last, first = _ints(bought, "last_purchase"), _ints(bought, "first_purchase")
    often = visits > 1
    cycle = np.where(often, (last - first) / np.maximum(visits - 1, 1), 0.0)
    found["cycle_days"] = pa.array(np.rint(cycle).astype(np.int32), mask=~often)
    found["habit"] = pc.take(pa.array(HABITS), pa.array(habits(np.maximum(end - last, 0), cycle, often)))
    for name, column in found.items():
        bought = bought.append_column(name, column)
    return bought


def habits(
    since: Ints, cycle: np.ndarray[tuple[int], np.dtype[np.float64]], often: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Ints:
    """Index into HABITS by the days since the last visit and the own cycle."""
    cycles = since / np.maximum(cycle, SHORTEST_CYCLE)
    return np.where(~often, 0, 1 + (cycles > 1.5).astype(np.int64) + (cycles > 3.0))


def _ints(table: pa.Table, name: str, missing: int = 0) -> Ints:
    column = table.column(name)
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    return np.asarray(pc.fill_null(column.cast(pa.int64()), missing).to_numpy(), dtype=np.int64)


def _placed(values: Ints, where: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> pa.Array:
    whole = np.zeros(len(where), dtype=np.int32)
    whole[where] = values
    return pa.array(whole, mask=~where)
