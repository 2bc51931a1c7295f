"""Bank statements as CSV: columns by their names, French or English, or as somebody says.

A CSV names neither its account nor itself: the account is the company's, a line's reference is the bank's column or is
made of what the line says, so that a file that overlaps an earlier one brings only what is new.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date

from broker.billing.bank.bank_file import FileLine, FileStatement, cents_of, checked, made_reference
from broker.kernel.errors import InvalidInput
from broker.kernel.money import require_currency

# What we read -> how banks call it, without accents and signs.
NAMES: Mapping[str, tuple[str, ...]] = {
    "date": ("date", "date operation", "date d operation", "date comptable", "date comptabilisation", "booking date",
             "booked on", "transaction date"),
    "amount": ("montant", "montant eur", "montant en euros", "amount", "amount eur"),
    "debit": ("debit", "debit eur", "debit euros", "montant debit", "money out"),
    "credit": ("credit", "credit eur", "credit euros", "montant credit", "money in"),
    "about": ("libelle", "libelle operation", "libelle complet", "label", "description", "details", "communication",
              "motif", "remittance", "reference client", "payment reference"),
    "counterparty": ("contrepartie", "nom contrepartie", "nom", "emetteur", "donneur d ordre", "counterparty",
                     "counterparty name", "name", "payer"),
    "iban": ("iban contrepartie", "compte contrepartie", "counterparty iban", "counterparty account", "iban"),
    "reference": ("reference", "reference operation", "reference banque", "numero operation", "numero d operation",
                  "ref", "id", "transaction id", "bank reference"),
    "currency": ("devise", "currency"),
}  # fmt: skip
_HEADER_WITHIN = 30  # lines that a bank may write above its header


def read_bank_csv(data: bytes, iban: str, columns: Mapping[str, str] | None = None) -> FileStatement:
    """The statement in a CSV; `columns` says which header holds what, for those that are not found by their names.

    Raises `InvalidInput` (`bad_statement`, `unknown_currency`) naming the line and how to mend it.
    """
    rows = _rows(data)
    wanted = {what: _plain(header) for what, header in (columns or {}).items() if header}
    if unknown := sorted(set(wanted) - set(NAMES)):
        raise InvalidInput(f"A statement has no {unknown[0]!r}: use {', '.join(NAMES)}.", code="bad_statement")
    at, where = _header(rows, wanted)
    lines = []
    seen: Counter[tuple[object, ...]] = Counter()
    for number, row in enumerate(rows[at + 1 :], start=at + 2):
        if not any(cell.strip() for cell in row):
            continue
        cell = {what: row[place].strip() if place < len(row) else "" for what, place in where.items()}
        cents = _cents(cell, number)
        if not cents:
            continue
        if cell.get("currency"):
            require_currency(cell["currency"].upper())
        day = _day(cell["date"], number)
        about = " ".join(cell.get("about", "").split())[:500]
        name = " ".join(cell.get("counterparty", "").split())[:140]
        told = (day, cents, name, about)
        seen[told] += 1
        reference = cell.get("reference", "")[:140] or made_reference(*told, seen[told])
        other = cell.get("iban", "").replace(" ", "").upper()[:34]
        lines.append(FileLine(reference, day, cents, name, other, about))
    if not lines:
        raise InvalidInput("This file holds no movement.", code="bad_statement")
    days = [line.booked_on for line in lines]
    name_of_file = made_reference(iban, *((line.reference, line.cents) for line in lines))
    return checked(FileStatement("csv", iban, name_of_file, min(days), max(days), None, None, tuple(lines)))


def _rows(data: bytes) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    if "\x00" in text:
        raise InvalidInput("This file is no text.", code="bad_statement")
    sample = text[:5000]
    delimiter = max(";\t,|", key=sample.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error:
        raise InvalidInput("This file cannot be read as CSV.", code="bad_statement") from None


def _header(rows: Sequence[Sequence[str]], wanted: Mapping[str, str]) -> tuple[int, dict[str, int]]:
    for at, row in enumerate(rows[:_HEADER_WITHIN]):
        heads = [_plain(cell) for cell in row]
        found = {}
        for what, names in NAMES.items():
            for name in (wanted[what],) if what in wanted else names:
                if name in heads:
                    found[what] = heads.index(name)
                    break
        if "date" in found and ("amount" in found or "credit" in found):
            return at, found
    raise InvalidInput(
        "No line names a date and an amount (or credit and debit): say which columns they are.", code="bad_statement"
    )


def _plain(text: str) -> str:
    flat = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return " ".join(re.sub(r"[^a-z0-9]+", " ", flat).split())


def _cents(cell: Mapping[str, str], number: int) -> int:
    if cell.get("amount"):
        return _signed(cell["amount"], number)
    credit, debit = cell.get("credit", ""), cell.get("debit", "")
    return abs(_signed(credit, number)) - abs(_signed(debit, number))


def _signed(text: str, number: int) -> int:
    """`1 234,56`, `-1,234.56`, `1234.5 EUR`, `(12,00)` → cents; empty is 0."""
    plain = re.sub(r"[\s\u00a0\u202f']|EUR|€", "", text)
    if not plain:
        return 0
    minus = plain.startswith(("-", "(", "\N{MINUS SIGN}")) or plain.endswith("-")
    plain = plain.strip("-+()\N{MINUS SIGN}")
    comma, point = plain.rfind(","), plain.rfind(".")
    plain = plain.replace(".", "").replace(",", ".") if comma > point else plain.replace(",", "")
    cents = cents_of(plain, f"Line {number}")
    return -cents if minus else cents


def _day(text: str, number: int) -> date:
    for pattern, order in (
        (r"(\d{4})-(\d\d)-(\d\d)", (1, 2, 3)),
        (r"(\d\d)[/.-](\d\d)[/.-](\d{4})", (3, 2, 1)),
        (r"(\d{4})(\d\d)(\d\d)", (1, 2, 3)),
    ):
        found = re.match(pattern, text)
        if found:
            try:
                return date(*(int(found[part]) for part in order))
            except ValueError:
                break
    raise InvalidInput(f"Line {number}: {text[:30]!r} is no date (2026-10-31, 31/10/2026).", code="bad_statement")
