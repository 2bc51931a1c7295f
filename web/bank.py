"""The bank: statements read, what waits in suspense, the comparison with account 512."""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.bank.bank_lines import explain_line, list_statements, read_statement, suspense_lines
from broker.billing.bank.import_statement import import_statement
from broker.billing.bank.reconcile_bank import reconcile_bank
from broker.billing.invoices.receipts import assign_receipt
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from broker.kernel.paging import sliced
from web.http.companies import PARTIES, companies
from web.http.forms import day_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit

pages = Blueprint("bank", __name__)
_MONTH = timedelta(days=31)


def _contents(work: UnitOfWork) -> dict[str, object]:
    return {
        "statements": sliced(list_statements(work), asked_page("statements"), 20),
        "parties": companies(work, *PARTIES),
        "suspense": sliced(suspense_lines(work), asked_page(), 20),
    }


@pages.get("/accounting/bank")
@for_roles("accountant", "broker")
def index() -> str:
    """Statements and suspense."""
    with unit() as work:
        return render_template("bank/index.html", **_contents(work))


@pages.post("/accounting/bank")
@for_roles("accountant", "broker")
def take() -> Response:
    """Read a bank's file."""
    file = request.files.get("file")
    try:
        if file is None or not file.filename:
            raise InvalidInput("Choose a file of your bank.", code="missing_file", field="file")
        with unit() as work:
            result = import_statement(work, front().settings, file.read())
            return Response(render_template("bank/index.html", result=result, **_contents(work)))
    except CourtierError as refusal:
        with unit() as work:
            return page("bank/index.html", refusal, **_contents(work))


@pages.post("/accounting/bank/assign")
@for_roles("accountant", "broker")
def assign() -> Response:
    """Say what a line in suspense is: the payment of an invoice, or of an account."""
    form = request.form
    invoice, account = form.get("invoice", "").strip(), form.get("account", "").strip()
    try:
        with unit() as work:
            if invoice:
                assign_receipt(work, form.get("receipt", ""), invoice)
            else:
                explain_line(work, form.get("line", ""), account, form.get("party", "").strip())
    except CourtierError as refusal:
        with unit() as work:
            return page("bank/index.html", refusal, **_contents(work))
    return redirect(url_for("bank.index", done="bank_assigned"), 303)


@pages.get("/accounting/bank/reconciliation")
@for_roles("accountant", "broker")
def reconciliation() -> str:
    """The comparison with the ledger."""
    with unit() as work:
        start = day_of(request.args.get("from", ""), "from") or work.today - _MONTH
        end = day_of(request.args.get("to", ""), "to") or work.today
        return render_template("bank/reconciliation.html", found=reconcile_bank(work, start, end), start=start, end=end)


@pages.get("/accounting/bank/<code>")
@for_roles("accountant", "broker")
def show(code: str) -> str:
    """One statement, line by line."""
    with unit() as work:
        statement, lines = read_statement(work, code)
        return render_template("bank/show.html", statement=statement, lines=lines)
