"""A log of orders as arrays: who bought, on which day, for how much.

Read from a CSV whose columns the caller names; every row that cannot be read is named in the refusal.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import numpy.typing as npt

from broker.kernel.errors import InvalidInput

DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d")


@dataclass(frozen=True)
class OrderLog:
    """Parallel arrays, one entry a line: `customer` index into `customers`, `day` (days since 1970-01-01), cents.

    `labels` holds further named columns (product, category) as text, for affinity.
    """

    customers: list[str]
    customer: npt.NDArray[np.int64]
    day: npt.NDArray[np.int64]
    cents: npt.NDArray[np.int64]
    labels: dict[str, list[str]]

    def __len__(self) -> int:
        return len(self.customer)


def read_order_log(path: Path, *, customer: str, date_column: str, amount: str, labels: Iterable[str] = ()) -> OrderLog:
    """Read a CSV with a header; the separator is found, dates may be in the usual forms, amounts with , or ."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            sample = file.read(65536)
            if not sample.strip():
                raise InvalidInput(f"{path.name} is empty.", code="empty_file")
            file.seek(0)
            rows = csv.reader(file, delimiter=_separator(sample))
            return _read(path.name, rows, customer, date_column, amount, tuple(labels))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", code="unreadable_file") from None
    except (UnicodeDecodeError, csv.Error):
        raise InvalidInput(f"{path.name} is not a CSV text in UTF-8.", code="not_csv") from None


def _separator(sample: str) -> str:
    header = sample.splitlines()[0]
    return max(",;\t|", key=header.count)


def _read(
    name: str, rows: Iterable[list[str]], customer: str, date_column: str, amount: str, labels: tuple[str, ...]
) -> OrderLog:
    lines = iter(rows)
    header = [cell.strip() for cell in next(lines)]
    places = [_place(name, header, wanted) for wanted in (customer, date_column, amount, *labels)]
    index: dict[str, int] = {}
    who, when, cents = [], [], []
    kept: dict[str, list[str]] = {label: [] for label in labels}
    days: dict[str, int] = {}
    for number, row in enumerate(lines, start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) <= max(places):
            raise InvalidInput(
                f"{name}, line {number}: {len(row)} values for {len(header)} columns.", code="ragged_row"
            )
        who.append(index.setdefault(row[places[0]].strip(), len(index)))
        text = row[places[1]].strip()
        if text not in days:
            days[text] = _day(name, number, date_column, text)
        when.append(days[text])
        cents.append(_cents(name, number, amount, row[places[2]]))
        for label, place in zip(labels, places[3:], strict=True):
            kept[label].append(row[place].strip())
    if not who:
        raise InvalidInput(f"{name} has a header and no orders.", code="empty_file")
    return OrderLog(list(index), np.array(who), np.array(when), np.array(cents, dtype=np.int64), kept)


def _place(name: str, header: list[str], wanted: str) -> int:
    if wanted in header:
        return header.index(wanted)
    near = difflib.get_close_matches(wanted, header, n=1, cutoff=0.4)
    hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(header[:20])}"
    raise InvalidInput(f"{name} has no column '{wanted}'; {hint}", code="unknown_column", field=wanted)


def _day(name: str, number: int, column: str, value: str) -> int:
    short = value.replace("T", " ").split(" ")[0]
    for form in DATE_FORMATS:
        try:
            return (datetime.strptime(short, form).date() - date(1970, 1, 1)).days  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise InvalidInput(
        f"{name}, line {number}: '{value[:40]}' in column '{column}' is not a date; write it as 2026-01-31.",
        code="bad_date",
        field=column,
    )


def _cents(name: str, number: int, column: str, value: str) -> int:
    plain = value.strip().replace("\u202f", "").replace("\xa0", "").replace(" ", "").rstrip("€$£")
    if "," in plain and "." not in plain:
        plain = plain.replace(",", ".")
    plain = plain.replace(",", "")
    try:
        return int((Decimal(plain) * 100).to_integral_value(rounding="ROUND_HALF_UP"))
    except (InvalidOperation, ValueError, OverflowError):
        raise InvalidInput(
            f"{name}, line {number}: '{value[:40]}' in column '{column}' is not an amount; write it as 12.50.",
            code="bad_amount",
            field=column,
        ) from None
