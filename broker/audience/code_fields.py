"""What a field of a rule is on each code of its column, derived fields included (the same as derive.py, by tests)."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from broker.audience.anniversary import days_until
from broker.audience.coded import CodedColumn, NotCoded
from broker.audience.columns import ANNIVERSARY, ColumnType
from broker.audience.places import department_of, places

EPOCH = date(1970, 1, 1).toordinal()
SOURCES = {
    "age": "birth_date",
    "birthday_month": "birth_date",
    "recency_days": "last_purchase",
    "click_days": "last_click",
    "spend": "spend_cents",
    "margin": "margin_cents",
    "department": "postcode",
    "region": "postcode",
}
_FIVE_DIGITS = re.compile("[0-9]{5}")


def derived_values(name: str, column: CodedColumn, today: date) -> tuple[ColumnType, Any, NDArray[np.bool_]]:
    """Type, value of each code but the missing one's (0), and where there is one at all."""
    values = column.values
    everywhere = np.ones(len(values), dtype=np.bool_)
    if name in ("department", "region"):
        return ("category", *_places(name, column))
    if name in ("spend", "margin"):
        if column.type != "number":
            raise NotCoded
        return "number", values.astype(np.float64) / 100, everywhere
    if column.type != "date":
        raise NotCoded
    if name in ("recency_days", "tenure_days", "click_days"):
        return "number", today.toordinal() - EPOCH - values.astype(np.int64), everywhere
    if name.endswith(ANNIVERSARY):
        return "number", days_until(values.astype(np.int64), today), everywhere
    days = values.astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    if name == "birthday_month":
        return "number", month, everywhere
    year = months.astype(np.int64) // 12 + 1970
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    not_yet = month * 100 + day > today.month * 100 + today.day
    return "number", today.year - year - not_yet, everywhere


def postcode_texts(column: CodedColumn) -> list[str]:
    """The post codes of a column; one that was read as numbers has them with five digits."""
    if column.type == "category":
        found: list[str] = column.values.to_pylist()
        return found
    if column.type != "number" or column.values.dtype.kind != "i":
        raise NotCoded
    return [str(value).rjust(5, "0")[:5] for value in column.values.tolist()]


def _places(name: str, column: CodedColumn) -> tuple[pa.Array, NDArray[np.bool_]]:
    departments = [department_of(code) if _FIVE_DIGITS.fullmatch(code) else None for code in postcode_texts(column)]
    if name == "department":
        found = departments
    else:
        regions = places().regions
        found = [None if code is None else regions.get(code) for code in departments]
    return pa.array(found, pa.string()), np.array([value is not None for value in found], dtype=np.bool_)
