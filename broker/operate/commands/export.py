"""Writes the accountant's files: entries, journal, revenue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from broker.billing.bank.export_sepa import export_sepa
from broker.billing.exports.check_fec import check_fec
from broker.billing.exports.export_facturx import export_facturx
from broker.billing.exports.export_fec import Encoding, export_fec
from broker.billing.exports.export_journal import export_journal
from broker.billing.exports.export_result import ExportResult
from broker.billing.exports.export_revenue import export_balances, export_revenue, export_sends
from broker.billing.exports.export_subledger import export_subledger, require_full
from broker.kernel.database import UnitOfWork
from broker.kernel.period import require_period
from broker.kernel.settings import Settings
from broker.operate.acting import acting
from broker.operate.cli import Invocation
from broker.operate.days import DAY
from broker.operate.output import json_option, print_json, print_table, say
from broker.operate.set_aside import set_aside

Export = Callable[[UnitOfWork, Settings, date, date, Path], ExportResult]


@click.group()
def command() -> None:
    """Files for the accountant, of the days --from to --to.

    Example: courtier export fec --from 2026-01-01 --to 2026-12-31 --out exports
    """


def _add(name: str, help_text: str, write: Export) -> None:
    @command.command(
        name,
        help=f"{help_text}\n\nExample: courtier export {name} --from 2026-01-01 --to 2026-12-31 --out exports",
    )
    @click.option("--from", "first", type=DAY, required=True, help="The first day.")
    @click.option("--to", "last", type=DAY, required=True, help="The last day.")
    @click.option("--out", "folder", type=click.Path(file_okay=False, path_type=Path), required=True, help="A folder.")
    @json_option
    @click.pass_obj
    def verb(invocation: Invocation, first: datetime, last: datetime, folder: Path, as_json: bool) -> None:
        require_period(first.date(), last.date())
        # Written aside and put in place whole: who interrupts it finds no half of a file, and the old one untouched.
        with acting(invocation.settings) as unit, set_aside(folder) as aside:
            result = write(unit, invocation.settings, first.date(), last.date(), aside)
            files = tuple(path.replace(folder / path.name) for path in result.files)
        _show(replace(result, files=files), as_json)


def _show(result: ExportResult, as_json: bool) -> None:
    keys: dict[str, Any] = {
        "files": [str(path) for path in result.files],
        "rows": result.rows,
        "debit_cents": result.debit_cents,
        "credit_cents": result.credit_cents,
    }
    if as_json:
        print_json(keys)
        return
    keys["files"] = ", ".join(keys["files"])
    print_table(("what", "value"), [(name.replace("_", " "), value) for name, value in keys.items()])


def _told(rows: int) -> None:
    say(f"{rows:,} rows")


def _fec(
    unit: UnitOfWork, settings: Settings, first: date, last: date, folder: Path, encoding: Encoding = "utf-8"
) -> ExportResult:
    require_full(settings.books)
    return export_fec(unit, settings.company.siren, first, last, folder, encoding, _told)


_add(
    "fec",
    "Write the tax office's file of entries (18 columns).",
    _fec,
)
_add("fec-latin9", "Write the same file in ISO 8859-15, which some programs still ask for.", partial(
    _fec, encoding="iso-8859-15"
))  # fmt: skip
_add(
    "subledger",
    "Write the import file of the program that holds the company's books (books.program).",
    partial(export_subledger, progress=_told),
)
_add(
    "facturx",
    "Write an archive of the invoices issued (PDF with Factur-X inside, index, hashes).",
    lambda unit, settings, first, last, folder: export_facturx(unit, first, last, folder, _told),
)
_add(
    "sepa",
    "Write the bank's file of the payouts approved in these days, and mark them as exported.",
    export_sepa,
)
_add(
    "journal",
    "Write the journal as CSV and as text for hledger and beancount.",
    lambda unit, settings, first, last, folder: export_journal(unit, first, last, folder, _told),
)


def _table(
    write: Callable[[UnitOfWork, date, date, Path, str], ExportResult],
    kind: str,
    unit: UnitOfWork,
    settings: Settings,
    first: date,
    last: date,
    folder: Path,
) -> ExportResult:
    return write(unit, first, last, folder, kind)


@command.command("check-fec")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def check(file: Path, as_json: bool) -> int:
    """Hold a FEC to its rules, whoever wrote it; no database is needed.

    Example: courtier export check-fec exports/732829320FEC20261231.txt
    """
    faults = check_fec(file)
    if as_json:
        print_json({"file": str(file), "faults": [asdict(fault) for fault in faults]})
    elif faults:
        print_table(
            ("rule", "count", "first lines", "meaning"),
            [(f.rule, f.count, ", ".join(map(str, f.lines[:5])), f.say) for f in faults],
        )
    else:
        print(f"{file.name}: nothing found")
    return 1 if faults else 0


_sends = partial(export_sends, progress=_told)
for _kind, _label in (("csv", "CSV"), ("xlsx", "XLSX"), ("parquet", "Parquet")):
    _suffix = "" if _kind == "csv" else f"-{_kind}"
    _add(f"revenue{_suffix}", f"Write the revenue report as {_label}.", partial(_table, export_revenue, _kind))
    _add(f"sends{_suffix}", f"Write every send with its money as {_label}.", partial(_table, _sends, _kind))
    _add(f"balances{_suffix}", f"Write aged balances and VAT as {_label}.", partial(_table, export_balances, _kind))
