"""The journal as CSV and as text for hledger, a free accounting program that anyone can check it with."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from broker.billing.export_result import ExportResult
from broker.kernel.database import UnitOfWork
from broker.kernel.safe_csv import SafeWriter
from broker.ledger.store import journal_rows

_HEADER = ("number", "journal", "day", "piece_ref", "label", "line", "account", "party", "debit", "credit")


def export_journal(unit: UnitOfWork, first: date, last: date, folder: Path) -> ExportResult:
    """Write `journal.csv` and `journal.hledger` with every posting of the period, in order of entry number."""
    unit.actor.require("accountant", "broker")
    folder.mkdir(parents=True, exist_ok=True)
    table, text = folder / "journal.csv", folder / "journal.hledger"
    rows = debit = credit = entry = 0
    with table.open("w", encoding="utf-8", newline="") as csv_file, text.open("w", encoding="utf-8") as ledger:
        writer = SafeWriter(csv_file)
        writer.writerow(_HEADER)
        for row in journal_rows(unit, first, last):
            party = row.org_code or ""
            writer.writerow(
                (
                    row.number,
                    row.journal,
                    row.day.isoformat(),
                    row.piece_ref,
                    row.label,
                    row.line,
                    row.account,
                    party,
                    decimal(row.debit_cents),
                    decimal(row.credit_cents),
                )
            )
            if row.number != entry:
                entry = row.number
                # hledger: "date * (code) description"; a semicolon would begin a comment.
                label = " ".join(row.label.replace(";", ",").split())
                ledger.write(f"\n{row.day.isoformat()} * ({row.journal} {row.number}) {row.piece_ref} {label}\n")
            account = f"{row.account} {row.account_label}" + (f":{party}" if party else "")
            ledger.write(f"    {account}  {decimal(row.debit_cents - row.credit_cents)} EUR\n")
            rows, debit, credit = rows + 1, debit + row.debit_cents, credit + row.credit_cents
    return ExportResult((table, text), rows, debit, credit)


def decimal(cents: int) -> str:
    """`-5` → `-0.05`."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
