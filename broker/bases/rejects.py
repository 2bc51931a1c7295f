"""Rejected rows: what is said of each, and the file that the command line writes of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pyarrow as pa

from broker.bases.check_rows import CheckedRows
from broker.bases.masks import mask
from broker.bases.read_table import Block
from broker.kernel.errors import InvalidInput
from broker.kernel.safe_csv import SafeWriter

MASKED_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """Line, all reasons, its values masked as JSON, and its cells where they were asked for."""

    line: int
    reasons: list[str]
    masked: str
    cells: list[str]


def rejected(
    block: Block, rows: CheckedRows, headers: Sequence[str], refused: Collection[str], *, whole: bool
) -> list[RejectedRow]:
    """The rejected rows of a block in the order of their lines; nothing of `refused` columns is shown masked."""
    shown = [(place, header) for place, header in enumerate(headers) if header not in refused][:MASKED_COLUMNS]
    made = [RejectedRow(item.line, [item.code], "{}", [item.text] if whole else []) for item in block.broken]
    numbers = np.flatnonzero(rows.rejected)
    if len(numbers):
        columns = [column.to_pylist() for column in block.table.take(pa.array(numbers)).columns]
        reasons = [(code, reason[numbers].tolist()) for code, reason in rows.reasons.items()]
        for place, line in enumerate(rows.lines[numbers].tolist()):
            given = [code for code, mask_ in reasons if mask_[place]]
            masked = {header: mask(columns[at][place]) for at, header in shown if columns[at][place].strip()}
            cells = [*(column[place] for column in columns), *block.surplus.get(line, ())] if whole else []
            made.append(RejectedRow(line, given, json.dumps(masked, ensure_ascii=False), cells))
    return sorted(made, key=lambda row: row.line)


class RejectsFile:
    """`--rejects`: line, reasons, then the row's own cells, made harmless for spreadsheets. UTF-8 with `;`."""

    def __init__(self, path: Path, headers: Sequence[str]) -> None:
        try:
            self._file: TextIO = path.open("w", encoding="utf-8-sig", newline="")
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written: {error.strerror}.", code="unwritable_file") from None
        path.chmod(0o600)
        self._writer = SafeWriter(self._file, delimiter=";")
        self._writer.writerow(("line", "reasons", *headers))

    def write(self, rows: Iterable[RejectedRow]) -> None:
        """Write rejected rows, in the order of their lines."""
        for row in rows:
            self._writer.writerow((row.line, " ".join(row.reasons), *row.cells))

    def close(self) -> None:
        """End the file."""
        self._file.close()
