"""The revenue report as CSV."""

from __future__ import annotations

import csv
from dataclasses import astuple, fields
from datetime import date
from pathlib import Path

from broker.billing.export_result import ExportResult
from broker.billing.report import RevenueRow, revenue_report
from broker.kernel.database import UnitOfWork


def export_revenue(unit: UnitOfWork, first: date, last: date, folder: Path) -> ExportResult:
    """Write `revenue.csv`, one row a mailing; the sums are those of the settled ones (gross on both sides)."""
    report = revenue_report(unit, first, last)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "revenue.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([item.name for item in fields(RevenueRow)])
        writer.writerows(astuple(row) for row in report.rows)
    return ExportResult((path,), len(report.rows), report.owner_cents + report.commission_cents, report.invoice_cents)
