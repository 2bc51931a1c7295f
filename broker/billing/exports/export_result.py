"""What an export wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ExportResult:
    """Files, and the rows and sums in them (cents)."""

    files: tuple[Path, ...]
    rows: int
    debit_cents: int
    credit_cents: int
