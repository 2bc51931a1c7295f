"""In whose name we sell, by whose word we invoice, and what owners contest."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.list_organisations import list_organisations
from broker.billing.invoices.contests import (
    contest_invoice,
    list_contests,
    reject_contest,
    sign_correction,
    uphold_contest,
)
from broker.billing.invoices.find_invoice import find_invoice
from broker.billing.invoices.mandates import list_mandates, list_roles, record_mandate, record_role
from broker.billing.invoices.vat_check import ask_vat_check, vat_answers
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.kernel.paging import sliced
from broker.rentals.sale_terms import Role
from web.http.forms import cents_of, day_of, required_day, whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit

pages = Blueprint("mandates", __name__)


def _contents(work: UnitOfWork) -> dict[str, object]:
    staff = work.actor.role in ("broker", "accountant")
    parties = list_organisations(work) if staff else []
    return {
        "mandates": sliced(list_mandates(work), asked_page("mandates"), 20),
        "roles": sliced(list_roles(work), asked_page("roles"), 20),
        "contests": list_contests(work, asked_page()),
        "answers": sliced(vat_answers(work), asked_page("answers"), 20),
        "owners": [(party.code, party.name) for party in parties if party.kind == "owner"],
        "parties": [(party.code, party.name) for party in parties if party.kind != "broker"],
        "today": work.today,
    }


@pages.get("/mandates")
@for_roles("accountant", "broker", "owner")
def index() -> str:
    """Contracts, mandates and contested documents that the viewer is a party of."""
    with unit() as work:
        return render_template("accounting/mandates.html", form={}, **_contents(work))


@pages.post("/mandates")
@for_roles("accountant", "broker", "owner")
def create() -> Response:
    """Record a mandate."""
    form = request.form
    try:
        with unit() as work:
            record_mandate(
                work,
                form.get("owner", ""),
                form.get("reference", ""),
                form.get("signatory", ""),
                required_day(form.get("signed_on", ""), "signed_on"),
                ends_on=day_of(form.get("ends_on", ""), "ends_on"),
                contest_days=whole_of(form.get("contest_days", "30"), "contest_days"),
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("accounting/mandates.html", refusal, form=form, **_contents(work))
    return redirect(url_for("mandates.index", done="mandate_recorded"), 303)


@pages.post("/mandates/roles")
@for_roles("accountant", "broker")
def create_role() -> Response:
    """Record in whose name we sell for a party."""
    form = request.form
    try:
        with unit() as work:
            record_role(
                work,
                form.get("party", ""),
                cast("Role", form.get("role", "")),
                form.get("reference", ""),
                form.get("signatory", ""),
                required_day(form.get("signed_on", ""), "signed_on"),
                ends_on=day_of(form.get("ends_on", ""), "ends_on"),
                pay_when_paid=bool(form.get("pay_when_paid")),
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("accounting/mandates.html", refusal, form=form, **_contents(work))
    return redirect(url_for("mandates.index", done="role_recorded"), 303)


@pages.post("/mandates/vat")
@for_roles("accountant", "broker")
def check_vat() -> Response:
    """Have a VAT number checked."""
    with unit() as work:
        ask_vat_check(work, request.form.get("party", ""))
    return redirect(url_for("mandates.index", done="vat_asked"), 303)


@pages.post("/invoices/<number>/contest")
@for_roles("owner")
def contest(number: str) -> Response:
    """Say that a document in one's name is wrong."""
    try:
        with unit() as work:
            contest_invoice(work, number, request.form.get("reason", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("invoices/show.html", refusal, invoice=find_invoice(work, number), form=request.form)
    return redirect(url_for("mandates.index", done="contested"), 303)


@pages.post("/contests/<code>/<verb>")
@for_roles("accountant", "broker", "owner")
def answer(code: str, verb: str) -> Response:
    """Answer a contest, or sign the credit note that was prepared."""
    form = request.form
    try:
        with unit() as work:
            if verb == "sign":
                sign_correction(work, code)
            elif verb == "reject":
                reject_contest(work, code, form.get("answer", ""))
            else:
                cents = cents_of(form.get("net", ""), "net")
                new = cents_of(form["new_net"], "new_net") if form.get("new_net", "").strip() else None
                uphold_contest(work, front().settings, code, cents, form.get("answer", ""), new)
    except CourtierError as refusal:
        with unit() as work:
            return page("accounting/mandates.html", refusal, form=form, **_contents(work))
    return redirect(url_for("mandates.index", done="contest_answered"), 303)
