"""The tax office's file of entries (FEC, art. A47 A-1 of the Livre des procédures fiscales)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Row

from broker.billing.exports.check_fec import COLUMNS, check_fec
from broker.billing.exports.export_result import ExportResult
from broker.billing.exports.tables import counted
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, IntegrityFault
from broker.ledger.matching import letters
from broker.ledger.store import journal_rows

Encoding = Literal["utf-8", "iso-8859-15"]


def export_fec(
    unit: UnitOfWork,
    siren: str,
    first: date,
    last: date,
    folder: Path,
    encoding: Encoding = "utf-8",
    progress: Callable[[int], object] | None = None,
) -> ExportResult:
    """Write `<SIREN>FEC<AAAAMMJJ>.txt` (tabs) with every posting of the period, in order of entry number.

    UTF-8, or ISO 8859-15 as the decree's older form: letters that it lacks lose their accent, or become `?`.
    `first` is the first day of the exercise: EcritureNum counts its entries from 1 in the order of their validation,
    since the ledger's own numbers run on over the years, and those of one exercise have gaps where entries of two were
    validated between each other. What was written is read again and held to the rules (`check_fec`). Raises `Conflict`
    (`no_siren`), `IntegrityFault` (`fec_faulty`).
    """
    unit.actor.require("accountant", "broker")
    if not re.fullmatch(r"[0-9]{9}", siren):
        raise Conflict(
            "The file is named after the company's SIREN: set company.siren (nine digits).",
            code="no_siren",
            field="company.siren",
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{siren}FEC{last:%Y%m%d}.txt"
    rows = debit = credit = entry = number = 0
    with path.open("w", encoding=encoding, errors="replace", newline="") as file:
        file.write("\t".join(COLUMNS) + "\r\n")
        for row in counted(journal_rows(unit, first, last), progress):
            if row.number != entry:
                entry, number = row.number, number + 1
            line = "\t".join(fields(row, number))
            file.write((line if encoding == "utf-8" else _narrow(line)) + "\r\n")
            rows, debit, credit = rows + 1, debit + row.debit_cents, credit + row.credit_cents
    for fault in check_fec(path, first, last):
        raise IntegrityFault(f"{path.name}, line {fault.lines[0]}: {fault.say}", code="fec_faulty")
    return ExportResult((path,), rows, debit, credit)


def fields(row: Row[Any], number: int) -> Iterator[str]:
    """The eighteen columns of a posting of the exercise's n-th entry; foreign currency is empty: all is in euro."""
    auxiliary = bool(row.org_code)
    yield row.journal
    yield _plain(row.journal_label)
    yield str(number)
    yield f"{row.day:%Y%m%d}"
    yield row.account
    yield _plain(row.account_label)
    yield row.org_code if auxiliary else ""
    yield _plain(row.org_name) if auxiliary else ""
    yield _plain(row.piece_ref)
    yield f"{row.piece_day:%Y%m%d}"
    yield _plain(row.label)
    yield amount(row.debit_cents)
    yield amount(row.credit_cents)
    yield letters(row.match_id) if row.match_id else ""
    yield f"{row.matched_on:%Y%m%d}" if row.match_id else ""
    yield f"{row.validated_on:%Y%m%d}"
    yield ""
    yield ""


def amount(cents: int) -> str:
    """`20000` → `200,00`: comma, no grouping."""
    return f"{cents // 100},{cents % 100:02d}"


def _narrow(text: str) -> str:
    """A text in the letters of ISO 8859-15 where it can be: `ł` stays out, `ř` becomes `r`."""
    out = []
    for letter in text:
        try:
            letter.encode("iso-8859-15")
        except UnicodeEncodeError:
            letter = unicodedata.normalize("NFKD", letter)[:1]
        out.append(letter)
    return "".join(out)


def _plain(text: str) -> str:
    """A text without the separators of the file and without control characters."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f|]", " ", text).split())
