"""Import files for Sage, Cegid or Pennylane, where those are the company's books and this ledger feeds them.

Such a file holds a part of a company's entries: it is never a FEC and is never called one. Its form is data
(data/subledger.toml); docs/money.md says what each was checked against.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Row

from broker.billing.exports.export_result import ExportResult, named
from broker.billing.exports.tables import counted
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import BooksSettings, Settings
from broker.ledger.store import journal_rows

_PARTY_ACCOUNTS = ("401", "411")
# Journal → an invoice, a credit note, and the accounts whose sum says which: what was sold or held, what was bought.
_KINDS = {"VE": ("FC", "AC", -1, (("70", "4191"), ("467",))), "AC": ("FF", "AF", 1, (("6",),))}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a field, or `=text`. Width 0: as long as it needs. Numbers stand on the right."""

    field: str
    width: int = 0
    align: str = "left"


@dataclass(frozen=True, slots=True)
class Mapping:
    """How one program reads entries; from data/subledger.toml."""

    file: str
    separator: str
    decimal: str
    day: str
    encoding: str
    head: list[str]
    columns: list[Column]
    accounts: dict[str, str]
    journals: dict[str, str] = field(default_factory=dict)
    third_party: str = ""


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
    found = dict(tomllib.loads(raw)[program])
    return Mapping(**{**found, "columns": [Column(**column) for column in found["columns"]]})


def export_subledger(
    unit: UnitOfWork,
    settings: Settings,
    first: date,
    last: date,
    folder: Path,
    progress: Callable[[int], object] | None = None,
) -> ExportResult:
    """Write a period's postings in the form that `books.program` imports, in order of entry number.

    Raises `Conflict` (`value_too_long`) for an account, a party or an amount that its column does not hold: cut, it
    would be another one. Names and labels are cut.
    """
    unit.actor.require("accountant", "broker")
    mapping = mapping_of(settings.books.program)
    folder.mkdir(parents=True, exist_ok=True)
    stem, _, suffix = mapping.file.rpartition(".")
    path = folder / named(stem, first, last, suffix)
    rows = debit = credit = 0
    with path.open("w", encoding=mapping.encoding, errors="replace", newline="") as file:
        company = settings.company.name or "Courtier"
        made = f"{unit.now:%d%m%Y%H%M}"
        _put(file, [line.format(company=company, made=made, user="Courtier") for line in mapping.head])
        if mapping.third_party:
            _put(file, _parties(unit, mapping, first, last))
        stream = counted(journal_rows(unit, first, last), progress)
        for _, entry in groupby(stream, key=lambda row: row.number):
            lines = list(entry)
            kind = kind_of(lines)
            _put(file, [line_of(row, mapping, kind) for row in lines])
            rows += len(lines)
            debit += sum(row.debit_cents for row in lines)
            credit += sum(row.credit_cents for row in lines)
    return ExportResult((path,), rows, debit, credit)


def line_of(row: Row[Any], mapping: Mapping, kind: str) -> str:
    """One posting as the program reads it; `kind` is its piece's."""
    fields = _fields(row, mapping, kind)
    cells = [_cell(column, fields) for column in mapping.columns]
    return mapping.separator.join(cells) if mapping.separator else "".join(cells)


def party_code(org_code: str) -> str:
    """A party's auxiliary account: the letters and digits of its code, in capitals."""
    return re.sub(r"[^A-Z0-9]", "", org_code.upper().removeprefix("ORG_"))


def _fields(row: Row[Any], mapping: Mapping, kind: str) -> dict[str, str]:
    def amount(cents: int) -> str:
        return f"{cents // 100}{mapping.decimal}{cents % 100:02d}"

    party = party_code(row.org_code) if row.org_code and row.account.startswith(_PARTY_ACCOUNTS) else ""
    account = mapping.accounts.get(row.account, row.account)
    return {
        "journal": mapping.journals.get(row.journal, row.journal),
        "day": f"{row.day:{mapping.day}}",
        "kind": kind,
        "number": str(row.number),
        "piece_ref": row.piece_ref,
        "account": account,
        "joined_account": f"{row.account[:3]}{party}" if party else account,
        "party_mark": "X" if party else " ",
        "party": party,
        "label": " ".join(row.label.split()),
        "debit": amount(row.debit_cents),
        "credit": amount(row.credit_cents),
        "side": "D" if row.debit_cents else "C",
        "amount": amount(row.debit_cents or row.credit_cents),
        "currency": "EUR",
    }


def kind_of(lines: Sequence[Row[Any]]) -> str:
    """The nature of a piece: FC and AC of a customer, FF and AF of a supplier, RC money at the bank, OD the rest."""
    if lines[0].journal not in _KINDS:
        return "RC" if lines[0].journal == "BQ" else "OD"
    invoice, contrary, sign, groups = _KINDS[lines[0].journal]
    for accounts in groups:
        said = [row.debit_cents - row.credit_cents for row in lines if row.account.startswith(accounts)]
        if said:
            return contrary if sum(said) * sign < 0 else invoice
    return invoice


def _cell(column: Column, fields: dict[str, str]) -> str:
    value = column.field[1:] if column.field.startswith("=") else fields[column.field]
    if not column.width:
        return _quoted(value)
    if len(value) > column.width and column.field in ("account", "party", "amount", "journal"):
        raise Conflict(
            f"{column.field} {value} has more than the {column.width} characters that this program takes: map it in"
            " data/subledger.toml.",
            code="value_too_long",
        )
    if column.field == "number":
        value = value[-column.width :]
    value = value[: column.width]
    return value.rjust(column.width) if column.align == "right" else value.ljust(column.width)


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if re.search(r'[;"\t]', value) else value


def _parties(unit: UnitOfWork, mapping: Mapping, first: date, last: date) -> list[str]:
    """A line for each customer and supplier of the entries, so that the program knows its account."""
    found: dict[str, str] = {}
    for row in journal_rows(unit, first, last):
        if row.org_code and row.account.startswith(_PARTY_ACCOUNTS):
            party = party_code(row.org_code)
            found.setdefault(
                f"{row.account[:3]} {party}",
                mapping.third_party.format(
                    party=party,
                    party_name=" ".join(row.org_name.split()),
                    party_kind="FOU" if row.account.startswith("401") else "CLI",
                    account=mapping.accounts.get(row.account[:3], row.account[:3]),
                ),
            )
    return [found[name] for name in sorted(found)]


def _put(file: TextIO, lines: list[str]) -> None:
    file.writelines(f"{line}\r\n" for line in lines)
