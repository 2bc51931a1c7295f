"""Write a table of any length as XLSX, CSV or Parquet, row by row: nothing is held but a block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from rustpy_xlsxwriter import FastExcel

from broker.kernel.errors import InvalidInput
from broker.kernel.safe_csv import SafeWriter

FORMATS = ("xlsx", "csv", "parquet")
SHEET_ROWS = 1_048_575  # Excel's limit, less the header
_BLOCK = 50_000
_TOLD = 20_000
_TYPES: dict[type, pa.DataType] = {int: pa.int64(), str: pa.string(), bool: pa.bool_()}

Row = Sequence[Any]
Columns = Mapping[str, type]
Item = TypeVar("Item")


def write_table(
    path: Path, columns: Columns, rows: Iterable[Row], progress: Callable[[int], object] | None = None
) -> int:
    """Write rows of `columns` (name → int, str or bool) into the format that the name's end says; how many there were.

    Amounts are integers of cents or micros, as the columns' names tell; days and times are ISO 8601 texts. A text that
    a spreadsheet would run as a formula gets an apostrophe in CSV. Raises `InvalidInput` (`too_long`) for more rows
    than an XLSX sheet holds. `progress` is told the rows so far at each block.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise InvalidInput(f"A report is written as {', '.join(FORMATS)}.", code="bad_format", field="format")
    read = counted(rows, progress)
    if kind == "csv":
        _csv(path, columns, read)
    elif kind == "parquet":
        _parquet(path, columns, read)
    else:
        _xlsx(path, columns, read)
    return read.number


class Counted(Generic[Item]):
    """An iterator that knows how far it is."""

    def __init__(self, rows: Iterable[Item], progress: Callable[[int], object] | None = None) -> None:
        self.number = 0
        self._rows = iter(rows)
        self._progress = progress

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        row = next(self._rows)
        self.number += 1
        if self._progress is not None and self.number % _TOLD == 0:
            self._progress(self.number)
        return row


def counted(rows: Iterable[Item], progress: Callable[[int], object] | None = None) -> Counted[Item]:
    """The same rows; `progress` is told how many have passed, every 20,000."""
    return Counted(rows, progress)


def _csv(path: Path, columns: Columns, rows: Iterator[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = SafeWriter(file)
        writer.writerow(columns)
        writer.writerows(rows)


def _parquet(path: Path, columns: Columns, rows: Iterator[Row]) -> None:
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])
    with pq.ParquetWriter(path, schema) as writer:
        while block := list(islice(rows, _BLOCK)):
            turned = zip(*block, strict=True)
            arrays = [pa.array(values, field.type) for values, field in zip(turned, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def _xlsx(path: Path, columns: Columns, rows: Iterator[Row]) -> None:
    names = list(columns)
    first = next(rows, None)
    if first is None:  # the writer takes its header from the first row
        FastExcel(str(path)).sheet("1", [dict.fromkeys(names, "")]).save()
        return

    def records() -> Iterator[dict[str, Any]]:
        yield dict(zip(names, first, strict=True))
        for number, row in enumerate(rows, start=2):
            if number > SHEET_ROWS:
                raise InvalidInput(
                    f"A sheet holds {SHEET_ROWS:,} rows: ask for csv or parquet.", code="too_long", field="format"
                )
            yield dict(zip(names, row, strict=True))

    FastExcel(str(path)).format(bold_headers=True).freeze(row=1).sheet("1", records()).save()
