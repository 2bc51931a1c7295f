"""The one way to write a CSV that people open in a spreadsheet: no cell of it is taken for a formula.

A cell that begins with `=`, `@`, a tab, a carriage return, or with `+` or `-` and is no number, gets an apostrophe in
front (OWASP, "CSV Injection"). Numbers with a sign (`+33 6 …`, `-12,50`) stay as they are.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TextIO

# Excel skips blanks and marks of order in front, and takes the wide forms of the signs for the signs.
_BLANKS = "[\\s\ufeff\u200b]*"
CELL_TAKEN = re.compile(f"{_BLANKS}[=@\uff1d\uff20]|{_BLANKS}[+\\-\uff0b\uff0d](?![\\d\\s.,()]*$)|[\t\r\n]")


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: `=cmd|…` gets an apostrophe."""
    return f"'{cell}" if CELL_TAKEN.match(cell) else cell


class SafeWriter:
    """As `csv.writer`, for what leaves to a spreadsheet: texts are made harmless, other values stay as they are."""

    def __init__(self, file: TextIO, *, delimiter: str = ",", lineterminator: str = "\r\n") -> None:
        self._writer = csv.writer(file, delimiter=delimiter, lineterminator=lineterminator)

    def writerow(self, cells: Iterable[object]) -> None:
        """Write one row."""
        self._writer.writerow([harmless(cell) if isinstance(cell, str) else cell for cell in cells])

    def writerows(self, rows: Iterable[Iterable[object]]) -> None:
        """Write some rows."""
        for row in rows:
            self.writerow(row)


def csv_lines(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """A file that is written while it is read: semicolons, a mark of UTF-8 in front, as spreadsheets open it."""
    buffer = io.StringIO()
    writer = SafeWriter(buffer, delimiter=";")
    buffer.write("\ufeff")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > 65_536:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
