"""Reports of mailings: what figures mean, on the page and on paper; the reports owed to advertisers."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from broker.kernel.database import UnitOfWork
from broker.mailings.legal_report import find_legal_report, list_legal_reports, note_read
from broker.mailings.report_pdf import tables_pdf
from broker.mailings.report_rows import as_csv, legal_tables, report_tables
from broker.mailings.report_sheet import ReportSheet, report_sheet
from web.http.language import current
from web.http.work import unit

pages = Blueprint("mailing_reports", __name__)


@pages.get("/mailings/<code>/analysis")
def show(code: str) -> str:
    """Comparison with past mailings, results by domain and trait, money, and what to do next time."""
    with unit() as work:
        sheet = _sheet(work, code)
    return render_template("mailings/analysis.html", sheet=sheet, live=sheet.live, report=sheet.live.report)


@pages.get("/mailings/<code>/report.csv")
def as_table(code: str) -> Response:
    """The whole report for a spreadsheet."""
    with unit() as work:
        tables = report_tables(_sheet(work, code))
    return _file(as_csv(tables), "text/csv; charset=utf-8", f"{code}.csv")


@pages.get("/mailings/<code>/report.pdf")
def on_paper(code: str) -> Response:
    """The whole report on paper."""
    with unit() as work:
        sheet, now = _sheet(work, code), work.now
    raw = tables_pdf(sheet.live.title or code, code, report_tables(sheet), sheet.language, now)
    return _file(raw, "application/pdf", f"{code}.pdf")


@pages.get("/advertiser-reports")
def index() -> str:
    """The reports owed to advertisers within a month of a send."""
    with unit() as work:
        reports = list_legal_reports(work)
    return render_template("mailings/advertiser_reports.html", reports=reports)


@pages.get("/advertiser-reports/<code>")
def one(code: str) -> str:
    """One of them."""
    with unit() as work:
        found = find_legal_report(work, code)
        (table,) = legal_tables(found, current())
    return render_template("mailings/advertiser_report.html", found=found, table=table)


@pages.get("/advertiser-reports/<code>/pdf")
def one_on_paper(code: str) -> Response:
    """One of them on paper."""
    with unit() as work:
        found = find_legal_report(work, code)
    tables = legal_tables(found, current())
    raw = tables_pdf(tables[0].title, code, tables, current(), found.made_at)
    return _file(raw, "application/pdf", f"{code}.pdf")


@pages.post("/advertiser-reports/<code>/received")
def received(code: str) -> Response:
    """The advertiser says that it has the report."""
    with unit() as work:
        note_read(work, code)
    return Response(status=303, headers={"Location": f"/advertiser-reports/{code}"})


def _sheet(work: UnitOfWork, code: str) -> ReportSheet:
    return report_sheet(work, code, "fr" if current() == "fr" else "en")


def _file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, mimetype=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
