"""The accountant's pages: overview, revenue by dimension, statement, chart of accounts, platform."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.figures import cut_off, forecast, revenue_figures
from broker.billing.figures_store import DIMENSIONS
from broker.billing.invoices.platform import list_documents
from broker.billing.statements import aged_balances, owner_statement, statement_total, vat_summary
from broker.kernel.errors import CourtierError
from broker.kernel.paging import sliced
from broker.ledger.chart import add_account, rename_account
from broker.ledger.list_accounts import chart
from web.http.forms import day_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page, table_reply
from web.http.work import unit

pages = Blueprint("accounting", __name__)
USUAL = timedelta(days=365)


@pages.get("/accounting")
@for_roles("accountant", "broker")
def index() -> str:
    """Where the books stand: ages, VAT, cut-off, forecast."""
    with unit() as work:
        start, end = _period(work.today)
        return render_template(
            "accounting/index.html",
            start=start,
            end=end,
            balances=aged_balances(work, end),
            vat=vat_summary(work, start, end),
            cut=cut_off(work, end),
            forecast=forecast(work, work.today),
        )


@pages.get("/accounting/figures")
@for_roles("accountant", "broker", "owner")
def figures() -> str | Response:
    """Revenue of a period by a dimension; each row leads one step down, to the mailings and their sends."""
    by = request.args.get("by", "month")
    kind = request.args.get("format", "")
    with unit() as work:
        start, end = _period(work.today)
        filters = {name: request.args.get(f"f_{name}", "") for name in DIMENSIONS}
        found = revenue_figures(work, start, end, by, filters)
    if kind:
        columns = {
            "key": str, "name": str, "sends": int, "billable": int, "conversions": int, "gross_micros": int,
            "owner_micros": int, "commission_micros": int, "ecpm_cents": int,
        }  # fmt: skip
        rows = [tuple(getattr(row, name) for name in columns) for row in (*found.rows, found.total)]
        return table_reply(f"revenue-by-{by}-{start:%Y%m%d}-{end:%Y%m%d}", kind, columns, rows)
    return render_template("accounting/figures.html", found=found, start=start, end=end, dimensions=list(DIMENSIONS))


@pages.get("/accounting/statement")
@for_roles("owner")
def statement() -> str | Response:
    """An owner's account: sends, billable, document, payout."""
    with unit() as work:
        start, end = _period(work.today)
        rows = owner_statement(work, work.actor.org, start, end)
    kind = request.args.get("format", "")
    if kind:
        columns = {
            "mailing": str, "day": str, "sends": int, "billable": int, "owner_micros": int, "self_bill": str,
            "net_cents": int, "vat_cents": int, "total_cents": int, "credited_cents": int,
            "payout": str, "paid_on": str,
        }  # fmt: skip
        lines = [tuple("" if cell is None else _text(cell) for cell in (getattr(r, n) for n in columns)) for r in rows]
        return table_reply(f"statement-{start:%Y%m%d}-{end:%Y%m%d}", kind, columns, lines)
    return render_template(
        "accounting/statement.html", rows=sliced(rows, asked_page()), total=statement_total(rows), start=start, end=end
    )


@pages.get("/accounting/chart")
@for_roles("accountant", "broker")
def accounts() -> str:
    """The chart of accounts with what stands on each."""
    with unit() as work:
        return render_template("accounting/chart.html", accounts=chart(work), form={})


@pages.post("/accounting/chart")
@for_roles("accountant", "broker")
def change_chart() -> Response:
    """Add an account, or name one anew."""
    form = request.form
    try:
        with unit() as work:
            verb = rename_account if form.get("rename") else add_account
            verb(work, form.get("number", "").strip(), form.get("label_fr", ""), form.get("label_en", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("accounting/chart.html", refusal, accounts=chart(work), form=form)
    return redirect(url_for("accounting.accounts", done="chart_changed"), 303)


@pages.get("/accounting/platform")
@for_roles("accountant", "broker")
def platform() -> str:
    """What went to the platform of electronic invoicing and came from it."""
    number = asked_page()
    flow = request.args.get("flow", "")
    with unit() as work:
        documents = list_documents(work, flow if flow in ("sales", "self_billed", "received") else "", number)
    return render_template("accounting/platform.html", documents=documents, flow=flow)


def _period(today: date) -> tuple[date, date]:
    start = day_of(request.args.get("from", ""), "from") or today - USUAL
    return start, day_of(request.args.get("to", ""), "to") or today


def _text(cell: object) -> object:
    return cell.isoformat() if isinstance(cell, date) else cell
