"""Refunds asked for and approved; card payments that are contested."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.gateway.disputes import list_disputes
from broker.billing.gateway.refunds import approve_refund, ask_refund, cancel_refund, list_refunds
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.forms import cents_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("refunds", __name__)


def _contents(work: UnitOfWork) -> dict[str, object]:
    return {
        "refunds": list_refunds(work),
        "disputes": list_disputes(work),
        "limit": front().settings.payment.refund_second_cents,
        "form": request.form,
    }


@pages.get("/accounting/refunds")
@for_roles("accountant", "broker")
def index() -> str:
    """Refunds and disputes."""
    with unit() as work:
        return render_template("refunds/index.html", **_contents(work))


@pages.post("/accounting/refunds")
@for_roles("accountant", "broker")
def ask() -> Response:
    """Ask for a refund."""
    form = {name: value.strip() for name, value in request.form.items()}
    try:
        with unit() as work:
            found = ask_refund(
                work,
                front().settings,
                form.get("source", ""),
                cents_of(form.get("amount", ""), "amount"),
                form.get("reason", ""),
                invoice=form.get("invoice", ""),
                iban=form.get("iban", ""),
                holder=form.get("holder", ""),
                customer=form.get("customer", ""),
            )
    except CourtierError as refusal:
        with unit() as work:
            return page("refunds/index.html", refusal, **_contents(work))
    return redirect(url_for("refunds.index", done="refund_waits" if found.state == "asked" else "refund_sent"), 303)


@pages.post("/accounting/refunds/<code>")
@for_roles("accountant", "broker")
def change(code: str) -> Response:
    """Approve or cancel: the button says which."""
    approve = request.form.get("act") == "approve"
    try:
        with unit() as work:
            approve_refund(work, code) if approve else cancel_refund(work, code)
    except CourtierError as refusal:
        with unit() as work:
            return page("refunds/index.html", refusal, **_contents(work))
    return redirect(url_for("refunds.index", done="refund_sent" if approve else "refund_cancelled"), 303)
