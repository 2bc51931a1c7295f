"""What a base's customers did, day by day, as arrays: the material of cycles, potential and anniversaries."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pcsv

from broker.insight.cycle import Floats, Ints
from broker.insight.potential import Histories
from broker.kernel.database import UnitOfWork

EPOCH = date(1970, 1, 1).toordinal()
LAST_BOUGHT = "last_bought_"
MOST_CATEGORIES = 30  # each is a column of the snapshot

# A day with at least one line that is no return is a visit; lines of the future are left out.
_DAYS_COPY = """
COPY (
  WITH days AS (
    SELECT contact_id, day, sum(amount_cents) AS cents FROM purchase
    WHERE base_id = %s AND day <= %s AND amount_cents >= 0 GROUP BY contact_id, day),
  gaps AS (SELECT contact_id, day, cents, day - lag(day) OVER (PARTITION BY contact_id ORDER BY day) AS gap FROM days)
  SELECT contact_id, count(*), min(day) - date '1970-01-01', max(day) - date '1970-01-01', sum(cents),
         sum(cents) FILTER (WHERE gap IS NULL), coalesce(sum(gap::bigint * gap), 0)
  FROM gaps GROUP BY contact_id ORDER BY contact_id
) TO STDOUT (FORMAT csv)
"""
_CATEGORIES_COPY = """
COPY (
  SELECT contact_id, category, max(day) - date '1970-01-01' FROM purchase
  WHERE base_id = %s AND day <= %s AND amount_cents >= 0 AND category = ANY (%s) GROUP BY contact_id, category
) TO STDOUT (FORMAT csv)
"""
_DAY_COLUMNS = ("contact_id", "visits", "first", "last", "cents", "first_cents", "gap_squares")


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

    def histories(self, until: int | None = None) -> Histories:
        """As potential.py takes them, in weeks."""
        end = self.until if until is None else until
        x = (self.visits - 1).astype(np.float64)
        mean = np.where(x > 0, (self.cents - self.first_cents) / np.maximum(x, 1) / 100.0, 0.0)
        return Histories([], x, (self.last - self.first) / 7.0, (end - self.first) / 7.0, mean)


def purchase_days(unit: UnitOfWork, base_id: int, until: date) -> PurchaseDays:
    """The purchases of a base up to a day."""
    kinds = {name: pa.float64() if name == "gap_squares" else pa.int64() for name in _DAY_COLUMNS}
    table = copied(unit, _DAYS_COPY, (base_id, until), kinds)
    return PurchaseDays(*(table.column(name).to_numpy() for name in _DAY_COLUMNS))


def last_bought(unit: UnitOfWork, base_id: int, until: date) -> dict[str, tuple[str, Ints, Ints]]:
    """Column name → (category, contact numbers, days of the last purchase) of the categories bought by most people."""
    rows = unit.all(
        "SELECT category FROM purchase WHERE base_id = :base AND nullif(category, '') IS NOT NULL AND day <= :until"
        " GROUP BY category ORDER BY count(DISTINCT contact_id) DESC, category LIMIT :most",
        base=base_id,
        until=until,
        most=MOST_CATEGORIES,
    )
    names = [row.category for row in rows]
    if not names:
        return {}
    kinds = {"contact_id": pa.int64(), "category": pa.string(), "day": pa.int64()}
    table = copied(unit, _CATEGORIES_COPY, (base_id, until, names), kinds)
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
        wanted = LAST_BOUGHT + ("_".join(words)[:40] or "other")
        number = 2
        column = wanted
        while column in found:
            column, number = f"{wanted}_{number}", number + 1
        found.append(column)
    return found


def copied(unit: UnitOfWork, sql: str, values: Sequence[object], kinds: dict[str, pa.DataType]) -> pa.Table:
    """The rows of a COPY as a table."""
    raw = io.BytesIO()
    with unit.driver.cursor() as cursor, cursor.copy(sql, values) as copy:
        for block in copy:
            raw.write(block)
    raw.seek(0)
    if raw.getbuffer().nbytes == 0:
        return pa.schema(list(kinds.items())).empty_table()
    return pcsv.read_csv(
        raw,
        read_options=pcsv.ReadOptions(column_names=list(kinds)),
        parse_options=pcsv.ParseOptions(newlines_in_values=True),
        convert_options=pcsv.ConvertOptions(
            column_types=kinds, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
        ),
    )


def days_at(contacts: Ints, values: npt.NDArray[np.float64], wanted: Ints) -> npt.NDArray[np.float64]:
    """The value of each wanted contact, NaN where there is none; `contacts` are sorted."""
    if not len(contacts):
        return np.full(len(wanted), np.nan)
    at = np.minimum(np.searchsorted(contacts, wanted), len(contacts) - 1)
    return np.where(contacts[at] == wanted, values[at], np.nan)
