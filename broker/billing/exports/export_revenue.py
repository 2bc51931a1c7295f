"""The revenue report, the sends behind it, and the overviews, as tables in a chosen format."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import astuple, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from broker.billing import statement_store
from broker.billing.exports.export_result import ExportResult, named
from broker.billing.exports.tables import write_table
from broker.billing.report import RevenueRow, revenue_report
from broker.billing.statements import AgedBalance, aged_balances, vat_summary
from broker.kernel.database import UnitOfWork

_KINDS = {"int": int, "bool": bool}
_SENDS = {
    "mailing": str,
    "position": int,
    "state": str,
    "outcome_at": str,
    "bounced_at": str,
    "price_micros": int,
    "gross_micros": int,
    "owner_micros": int,
    "commission_micros": int,
}


def export_revenue(unit: UnitOfWork, first: date, last: date, folder: Path, kind: str = "csv") -> ExportResult:
    """Write `revenue-<first>-<last>.<kind>`, one row a mailing; the sums are those of the settled ones (gross)."""
    report = revenue_report(unit, first, last)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / named("revenue", first, last, kind)
    write_table(path, _columns(RevenueRow), (_plain(astuple(row)) for row in report.rows))
    return ExportResult((path,), len(report.rows), report.owner_cents + report.commission_cents, report.invoice_cents)


def export_sends(
    unit: UnitOfWork,
    first: date,
    last: date,
    folder: Path,
    kind: str = "csv",
    progress: Callable[[int], object] | None = None,
    owner_id: int | None = None,
) -> ExportResult:
    """Write `sends-<first>-<last>.<kind>`, one row a send of the period's mailings, however many; amounts in micros.

    `owner_id`: a worker writes it for this owner, and reads the split where it is written.
    """
    unit.actor.require("accountant", "broker", "owner")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / named("sends", first, last, kind)
    found = statement_store.sends(unit, first, last, owner_id)
    rows = write_table(path, _SENDS, (_plain(row) for row in found), progress)
    return ExportResult((path,), rows, 0, 0)


def export_balances(unit: UnitOfWork, first: date, last: date, folder: Path, kind: str = "csv") -> ExportResult:
    """Write `aged-balances-<last>.<kind>` on the last day and `vat-<first>-<last>.<kind>`; debit 411, credit 401."""
    balances, vat = aged_balances(unit, last), vat_summary(unit, first, last)
    folder.mkdir(parents=True, exist_ok=True)
    aged, summary = folder / f"aged-balances-{last:%Y%m%d}.{kind}", folder / named("vat", first, last, kind)
    write_table(aged, {**_columns(AgedBalance), "total": int}, ((*astuple(row), row.total) for row in balances))
    columns = {**_columns(type(vat)), "payable_cents": int}
    write_table(summary, columns, [(*astuple(vat), vat.payable_cents)])
    owed = {account: sum(row.total for row in balances if row.account == account) for account in ("411", "401")}
    return ExportResult((aged, summary), len(balances), owed["411"], owed["401"])


def _columns(kind: Any) -> dict[str, type]:
    return {item.name: _KINDS.get(str(item.type), str) for item in fields(kind)}


def _plain(row: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(
        "" if cell is None else cell.isoformat() if isinstance(cell, date | datetime) else cell for cell in row
    )
