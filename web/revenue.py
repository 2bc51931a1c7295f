"""The revenue report: the sum of the sends, the ledger and the invoices, which must be one."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, render_template, request

from broker.billing.report import revenue_report
from web.http.forms import day_of
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("revenue", __name__)
USUAL = timedelta(days=365)


@pages.get("/revenue")
@for_roles("accountant", "broker", "owner")
def show() -> str:
    """The report of some days; without dates the last year."""
    with unit() as work:
        today = work.today
        start: date = day_of(request.args.get("from", ""), "from") or today - USUAL
        end: date = day_of(request.args.get("to", ""), "to") or today
        report = revenue_report(work, start, end)
    return render_template("reports/revenue.html", report=report, start=start, end=end)
