"""What a base's customers did, day by day, as arrays: the material of cycles, potential and anniversaries."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from broker.audience.customer_columns import RESERVED_START
from broker.insight import study_store
from broker.insight.cycle import Floats, Ints
from broker.insight.potential import Histories
from broker.kernel.database import UnitOfWork

EPOCH = date(1970, 1, 1).toordinal()
MOST_CATEGORIES = 30  # each is a column of the snapshot
DAYS_A_WEEK = 7.0


@dataclass(frozen=True)
class PurchaseDays:
    """One entry a customer, by contact number; days since 1970-01-01, cents without returns."""

    contact_id: Ints
    visits: Ints
    first: Ints
    last: Ints
    cents: Ints
    first_cents: Ints
    gap_squares: Floats

    @property
    def until(self) -> int:
        """The last day of the log, on which everybody is looked at."""
        return int(self.last.max()) if len(self.last) else 0

    def histories(self) -> Histories:
        """As potential.py takes them, in weeks."""
        x = (self.visits - 1).astype(np.float64)
        mean = np.where(x > 0, (self.cents - self.first_cents) / np.maximum(x, 1) / 100.0, 0.0)
        observed = (self.until - self.first) / DAYS_A_WEEK
        return Histories([], x, (self.last - self.first) / DAYS_A_WEEK, observed, mean)


def purchase_days(unit: UnitOfWork, base_id: int, until: date) -> PurchaseDays:
    """The purchases of a base up to a day."""
    table = study_store.day_rows(unit, base_id, until)
    return PurchaseDays(*(table.column(name).to_numpy() for name in study_store.DAY_COLUMNS))


def last_bought(unit: UnitOfWork, base_id: int, until: date) -> dict[str, tuple[str, Ints, Ints]]:
    """Column → (category, contact numbers, days of the last purchase), for the categories bought by most people."""
    names = study_store.widest(unit, base_id, "category", until, MOST_CATEGORIES)
    if not names:
        return {}
    table = study_store.category_days(unit, base_id, until, names)
    category = np.array(table.column("category").to_pylist(), dtype=object)
    who, day = table.column("contact_id").to_numpy(), table.column("day").to_numpy()
    return {
        column: (name, who[category == name], day[category == name])
        for name, column in zip(names, column_names(names), strict=True)
    }


def column_names(categories: Sequence[str]) -> list[str]:
    """`Bagues & joncs` → `last_bought_bagues_joncs`; two that come out the same are numbered."""
    found: list[str] = []
    for name in categories:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        words = "".join(letter if letter.isalnum() else " " for letter in plain).split()
        wanted = RESERVED_START + ("_".join(words)[:40] or "other")
        column, number = wanted, 2
        while column in found:
            column, number = f"{wanted}_{number}", number + 1
        found.append(column)
    return found
