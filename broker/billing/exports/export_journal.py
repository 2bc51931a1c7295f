"""The journal as CSV, and as text for hledger and beancount: free accounting programs that anyone can check it with."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Row

from broker.billing.exports.export_result import ExportResult, named
from broker.billing.exports.tables import counted
from broker.kernel.database import UnitOfWork
from broker.kernel.safe_csv import SafeWriter
from broker.ledger.store import journal_rows

_HEADER = ("number", "journal", "day", "piece_ref", "label", "line", "account", "party", "debit", "credit")
# Beancount's five roots by class of the chart; class 4 holds what we owe and what is owed to us.
_ROOTS = {"1": "Equity", "2": "Assets", "3": "Assets", "5": "Assets", "6": "Expenses", "7": "Income", "8": "Equity"}
_OWED_TO_US = ("409", "411", "413", "416", "418", "4456", "44586", "471")


def export_journal(
    unit: UnitOfWork, first: date, last: date, folder: Path, progress: Callable[[int], object] | None = None
) -> ExportResult:
    """Write `journal-<first>-<last>.csv`, `.hledger` and `.beancount`: every posting, in order of entry number.

    `hledger check --strict` and `bean-check` accept them; accounts are declared as they occur.
    """
    unit.actor.require("accountant", "broker")
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / named("journal", first, last, kind) for kind in ("csv", "hledger", "beancount"))
    rows = debit = credit = entry = 0
    declared: set[str] = set()
    opened: set[str] = set()
    earliest = last
    with ExitStack() as stack:
        table = stack.enter_context(paths[0].open("w", encoding="utf-8", newline=""))
        ledger, bean = (stack.enter_context(path.open("w", encoding="utf-8")) for path in paths[1:])
        writer = SafeWriter(table)
        writer.writerow(_HEADER)
        ledger.write("commodity 1000.00 EUR\n")
        bean.write('option "operating_currency" "EUR"\n')
        for row in counted(journal_rows(unit, first, last), progress):
            writer.writerow(_cells(row))
            if row.number != entry:
                entry = row.number
                _heads(row, ledger, bean)
            amount = decimal(row.debit_cents - row.credit_cents)
            account = f"{row.account} {row.account_label}" + (f":{row.org_code}" if row.org_code else "")
            ledger.write(f"    {account}  {amount} EUR\n")
            bean_account = _bean_account(row)
            bean.write(f"  {bean_account}  {amount} EUR\n")
            declared.add(account)
            opened.add(bean_account)
            earliest = min(earliest, row.day)
            rows, debit, credit = rows + 1, debit + row.debit_cents, credit + row.credit_cents
        # Both programs take declarations at the end of the file.
        ledger.write("\n" + "".join(f"account {account}\n" for account in sorted(declared)))
        bean.write("\n" + "".join(f"{earliest.isoformat()} open {account} EUR\n" for account in sorted(opened)))
    return ExportResult(paths, rows, debit, credit)


def decimal(cents: int) -> str:
    """`-5` → `-0.05`."""
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def _cells(row: Row[Any]) -> tuple[object, ...]:
    head = (row.number, row.journal, row.day.isoformat(), row.piece_ref, row.label, row.line, row.account)
    return (*head, row.org_code or "", decimal(row.debit_cents), decimal(row.credit_cents))


def _heads(row: Row[Any], ledger: TextIO, bean: TextIO) -> None:
    # hledger: "date * (code) description"; a semicolon would begin a comment. Beancount: texts in double quotes.
    label = " ".join(row.label.replace(";", ",").split())
    ledger.write(f"\n{row.day.isoformat()} * ({row.journal} {row.number}) {row.piece_ref} {label}\n")
    quoted = f"{row.journal} {row.number} {row.piece_ref} {label}".replace("\\", "/").replace('"', "'")
    bean.write(f'\n{row.day.isoformat()} * "{quoted}"\n')


def _bean_account(row: Row[Any]) -> str:
    party = f":{row.org_code.replace('_', '-').upper()}" if row.org_code else ""
    return f"{_root(row.account)}:{row.account}{party}"


def _root(account: str) -> str:
    return _ROOTS.get(account[0]) or ("Assets" if account.startswith(_OWED_TO_US) else "Liabilities")
