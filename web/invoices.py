"""Invoices of advertisers, statements (self-bills) of owners, all of them for staff."""

from __future__ import annotations

from flask import Blueprint, Response, render_template

from broker.billing.drill import sends_of_line
from broker.billing.invoices.find_invoice import find_invoice, invoice_file, list_invoices
from web.http.tables import asked_page
from web.http.work import unit

pages = Blueprint("invoices", __name__)


@pages.get("/invoices")
def index() -> str:
    """The viewer's documents."""
    number = asked_page()
    with unit() as work:
        invoices = list_invoices(work, page=number)
    return render_template("invoices/index.html", invoices=invoices)


@pages.get("/invoices/<number>")
def show(number: str) -> str:
    """One document with its lines; each line leads to its mailing."""
    with unit() as work:
        invoice = find_invoice(work, number)
    return render_template("invoices/show.html", invoice=invoice)


@pages.get("/invoices/<number>/lines/<int:line>")
def sends(number: str, line: int) -> str:
    """The single sends that a line stands for: the way down."""
    with unit() as work:
        invoice = find_invoice(work, number)
        page = sends_of_line(work, number, line, asked_page())
    shown = next(item for item in invoice.lines if item.line == line)
    return render_template("invoices/sends.html", invoice=invoice, line=shown, sends=page)


@pages.get("/invoices/<number>.pdf")
def pdf(number: str) -> Response:
    """The document itself."""
    with unit() as work:
        content = invoice_file(work, number)
    reply = Response(content, mimetype="application/pdf")
    reply.headers["Content-Disposition"] = f'inline; filename="{number}.pdf"'
    return reply
