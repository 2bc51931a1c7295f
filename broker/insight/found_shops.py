"""Shops of a base: their trends, and the post codes around each, from where its customers live."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from broker.insight import study_store
from broker.insight.shops import PERIOD_DAYS, PERIODS, shop_trends
from broker.kernel.database import UnitOfWork

MOST_SHOPS = 60
MOST_CUSTOMERS = 5_000
MOST_POSTCODES = 8
FEWEST_HERE = 5  # a post code of fewer customers is not shown
CATCHMENT_KM = 15


def shop_findings(unit: UnitOfWork, path: Path, base_id: int, until: date) -> list[dict[str, Any]]:
    """One entry a shop, alerts first: its trend, `postcodes` of its customers and the `centre` among them."""
    by_shop: dict[str, list[int]] = {}
    revenue: dict[str, list[int]] = {}
    for row in study_store.shop_weeks(unit, base_id, until, PERIODS, PERIOD_DAYS):
        by_shop.setdefault(row.shop, [0] * PERIODS)[PERIODS - 1 - row.period] = row.purchases
        revenue.setdefault(row.shop, [0] * PERIODS)[PERIODS - 1 - row.period] = int(row.cents)
    largest = sorted(by_shop, key=lambda shop: -sum(by_shop[shop]))[:MOST_SHOPS]
    told = shop_trends({shop: by_shop[shop] for shop in largest})
    lived = _postcodes(path)
    found = []
    for trend in told:
        who = study_store.shop_customers(unit, base_id, trend.shop, MOST_CUSTOMERS)
        counts = Counter(lived[one] for one in who if lived.get(one))
        near = [
            {"postcode": code, "customers": n} for code, n in counts.most_common(MOST_POSTCODES) if n >= FEWEST_HERE
        ]
        found.append(
            {
                **asdict(trend),
                "revenue_cents": revenue[trend.shop],
                "postcodes": near,
                "centre": near[0]["postcode"] if near else None,
                "km": CATCHMENT_KM,
            }
        )
    return found


def _postcodes(path: Path) -> dict[int, str]:
    if "postcode" not in pq.read_schema(path).names:
        return {}
    table = pq.read_table(path, columns=["contact_id", "postcode"])
    codes = np.array(table.column("postcode").cast(pa.string()).to_pylist(), dtype=object)
    return dict(zip(table.column("contact_id").to_pylist(), codes.tolist(), strict=True))
