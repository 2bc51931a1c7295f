"""What a base costs and what it earns, month by month; for its owner alone."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from broker.bases.costs import add_cost, change_cost, remove_cost
from broker.bases.costs_model import RHYTHMS, Cost
from broker.bases.find_base import find_base
from broker.billing.base_balance import BaseBalance, base_balance
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.charts import Chart, Line
from web.http.forms import cents_of, day_of, required_day
from web.http.refusals import page
from web.http.session import for_roles
from web.http.words import word
from web.http.work import unit

pages = Blueprint("balance", __name__)
PERIODS = (3, 12, 24, 60)


@pages.get("/bases/<code>/balance")
@for_roles("owner")
def show(code: str) -> str:
    """Costs against revenue; `?months=` chooses the period, `?edit=` opens a cost."""
    with unit() as work:
        return render_template("balance/show.html", **contents(work, code))


@pages.post("/bases/<code>/costs")
@for_roles("owner")
def add(code: str) -> Response:
    """Enter a cost."""
    try:
        with unit() as work:
            add_cost(work, code, **_written())
    except CourtierError as refusal:
        return _again(code, refusal)
    return redirect(url_for("balance.show", code=code, done="cost_entered"), 303)


@pages.post("/bases/<code>/costs/<cost>")
@for_roles("owner")
def change(code: str, cost: str) -> Response:
    """Correct a cost, or end it."""
    try:
        with unit() as work:
            change_cost(work, code, cost, **_written())
    except CourtierError as refusal:
        return _again(code, refusal, cost)
    return redirect(url_for("balance.show", code=code, done="cost_changed"), 303)


@pages.post("/bases/<code>/costs/<cost>/remove")
@for_roles("owner")
def remove(code: str, cost: str) -> Response:
    """Take a cost out."""
    with unit() as work:
        remove_cost(work, code, cost)
    return redirect(url_for("balance.show", code=code, done="cost_removed"), 303)


def contents(work: UnitOfWork, code: str, editing: str = "") -> dict[str, Any]:
    """What the page shows."""
    months = request.args.get("months", 12, type=int)
    base = find_base(work, code)
    balance = base_balance(work, code, months if months in PERIODS else 12)
    editing = editing or request.args.get("edit", "")
    edited: Cost | None = next((cost for cost in balance.costs if cost.code == editing), None)
    return {
        "base": base,
        "balance": balance,
        "months": len(balance.months),
        "periods": PERIODS,
        "edited": edited,
        "rhythms": [(one, word(f"cost_{one}")) for one in RHYTHMS],
        "chart": chart_of(balance),
        "today": work.today,
    }


def chart_of(balance: BaseBalance) -> Chart:
    """Earned and spent, month by month."""
    rows = balance.months
    lines = [
        Line(_("Settled"), [row.settled_cents for row in rows]),
        Line(_("Accrued, not settled yet"), [row.accrued_cents for row in rows]),
        Line(_("Costs"), [row.cost_cents for row in rows]),
        Line(_("Result"), [row.result_cents for row in rows]),
    ]
    names = [format_date(row.month, "LLLL y").capitalize() for row in rows]
    return Chart(_("Costs and revenue by month"), lines, [row.month for row in rows], names, "euros")


def _written() -> dict[str, Any]:
    form = request.form
    return {
        "label": form.get("label", ""),
        "rhythm": form.get("rhythm", ""),
        "amount_cents": cents_of(form.get("amount", ""), "amount"),
        "starts_on": required_day(form.get("starts_on", ""), "starts_on"),
        "ends_on": day_of(form.get("ends_on", ""), "ends_on"),
    }


def _again(code: str, refusal: CourtierError, cost: str = "") -> Response:
    with unit() as work:
        return page("balance/show.html", refusal, form=request.form, **contents(work, code, cost))
