"""What an export wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


def named(stem: str, first: date, last: date, suffix: str) -> str:
    """A file's name with the period that it is of: `sends-20261001-20261031.csv`."""
    return f"{stem}-{first:%Y%m%d}-{last:%Y%m%d}.{suffix}"


@dataclass(frozen=True, slots=True)
class ExportResult:
    """Files, and the rows and sums in them (cents)."""

    files: tuple[Path, ...]
    rows: int
    debit_cents: int
    credit_cents: int
