"""Import files for Sage, Cegid or Pennylane, where those are the company's books and this ledger feeds them.

Such a file holds a part of a company's entries: it is never a FEC and is never called one.
"""

from __future__ import annotations

import csv
import tomllib
from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from broker.billing.export_result import ExportResult
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import BooksSettings
from broker.ledger.matching import letters
from broker.ledger.store import journal_rows


@dataclass(frozen=True, slots=True)
class Mapping:
    """How one program reads entries; from data/subledger.toml."""

    file: str
    separator: str
    decimal: str
    day: str
    encoding: str
    header: bool
    columns: list[str]
    accounts: dict[str, str]


def require_full(books: BooksSettings) -> None:
    """Refuse a FEC where this ledger is a part of the books. Raises `Conflict` (`subledger`)."""
    if books.scope != "full":
        raise Conflict(
            "These books are a subledger (books.scope): the FEC comes from the program that holds all of the company's"
            " entries. Export the subledger's file instead.",
            code="subledger",
            field="books.scope",
        )


def mapping_of(program: str) -> Mapping:
    """The mapping of `sage`, `cegid` or `pennylane`."""
    raw = (resources.files("broker.billing") / "data" / "subledger.toml").read_text(encoding="utf-8")
    return Mapping(**tomllib.loads(raw)[program])


def export_subledger(unit: UnitOfWork, program: str, first: date, last: date, folder: Path) -> ExportResult:
    """Write a period's postings in the form that a program imports, in order of entry number."""
    unit.actor.require("accountant", "broker")
    mapping = mapping_of(program)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / mapping.file
    rows = debit = credit = 0
    with path.open("w", encoding=mapping.encoding, errors="replace", newline="") as file:
        writer = csv.writer(file, delimiter=mapping.separator, lineterminator="\r\n")
        if mapping.header:
            writer.writerow(mapping.columns)
        for row in journal_rows(unit, first, last):
            fields = _fields(row, mapping)
            writer.writerow([fields[name] for name in mapping.columns])
            rows, debit, credit = rows + 1, debit + row.debit_cents, credit + row.credit_cents
    return ExportResult((path,), rows, debit, credit)


def _fields(row: Row[Any], mapping: Mapping) -> dict[str, str]:
    def amount(cents: int) -> str:
        return f"{cents // 100}{mapping.decimal}{cents % 100:02d}"

    return {
        "journal": row.journal,
        "day": f"{row.day:{mapping.day}}",
        "number": str(row.number),
        "piece_ref": row.piece_ref,
        "account": mapping.accounts.get(row.account, row.account),
        "party": row.org_code or "",
        "label": " ".join(row.label.split()),
        "debit": amount(row.debit_cents),
        "credit": amount(row.credit_cents),
        "side": "D" if row.debit_cents else "C",
        "amount": amount(row.debit_cents or row.credit_cents),
        "currency": "EUR",
        "letters": letters(row.match_id) if row.match_id else "",
    }
