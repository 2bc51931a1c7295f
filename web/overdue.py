"""Overdue invoices: ages, steps, letters, interest; holds, days agreed for parts, claims."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.bank.third_party import third_party_funds
from broker.billing.dunning.claim_store import claims_of
from broker.billing.dunning.dunning import ask_for_letters
from broker.billing.dunning.dunning_store import ended_of
from broker.billing.dunning.late_claims import claim_interest
from broker.billing.dunning.overdue import (
    agree_instalments,
    end_hold,
    find_debt,
    find_overdue,
    hold_invoice,
    letter_file,
    list_letters,
    list_overdue,
    list_paid_late,
    rates_missing,
    set_rate,
)
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.forms import cents_of, day_of, required_day
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("overdue", __name__)
AGES = ("to_30", "to_60", "to_90", "older")


def _contents(work: UnitOfWork) -> dict[str, object]:
    settings = front().settings
    found = list_overdue(work, settings)
    return {
        "overdue": found,
        "ages": {age: sum(one.late_cents for one in found if one.bucket == age) for age in AGES},
        "paid_late": list_paid_late(work, settings),
        "letters": list_letters(work)[:20],
        "missing": rates_missing(work),
        "steps": settings.dunning,
    }


def _one(work: UnitOfWork, number: str) -> dict[str, object]:
    return {
        "late": find_overdue(work, front().settings, number),
        "debt": find_debt(work, number),
        "letters": list_letters(work, number),
        "holds": ended_of(work, number),
        "claims": claims_of(work, number),
    }


@pages.get("/accounting/overdue")
@for_roles("accountant", "broker")
def index() -> str:
    """What is overdue, by customer, with the step to come."""
    with unit() as work:
        return render_template("overdue/index.html", **_contents(work))


@pages.post("/accounting/overdue")
@for_roles("accountant", "broker")
def write() -> Response:
    """Have the letters written that are due."""
    with unit() as work:
        ask_for_letters(work)
    return redirect(url_for("overdue.index", done="letters_asked"), 303)


@pages.post("/accounting/rates")
@for_roles("accountant", "broker")
def rate() -> Response:
    """Enter a published rate."""
    form = request.form
    try:
        with unit() as work:
            since = required_day(form.get("since", ""), "since")
            set_rate(work, form.get("kind", ""), since, cents_of(form.get("rate", ""), "rate"))
    except CourtierError as refusal:
        with unit() as work:
            return page("overdue/index.html", refusal, **_contents(work))
    return redirect(url_for("overdue.index", done="rate_set"), 303)


@pages.get("/accounting/overdue/<number>")
@for_roles("accountant", "broker")
def show(number: str) -> str:
    """One invoice: interest to the day, letters, holds, claims."""
    with unit() as work:
        return render_template("overdue/show.html", **_one(work, number))


@pages.post("/accounting/overdue/<number>")
@for_roles("accountant", "broker")
def change(number: str) -> Response:
    """Hold, go on, agree days, or claim: the button says which."""
    form = request.form
    act = form.get("act", "")
    try:
        with unit() as work:
            if act == "hold":
                hold_invoice(work, number, form.get("reason", ""), day_of(form.get("until", ""), "until"))
            elif act == "go_on":
                end_hold(work, number)
            elif act == "claim":
                claim_interest(work, number, recovery=bool(form.get("recovery")))
            else:
                days, amounts = form.getlist("day"), form.getlist("amount")
                pairs = zip(days, amounts, strict=False)
                parts = [
                    (required_day(day, "parts"), cents_of(amount, "parts")) for day, amount in pairs if day or amount
                ]
                agree_instalments(work, number, parts)
    except CourtierError as refusal:
        with unit() as work:
            return page("overdue/show.html", refusal, **_one(work, number))
    return redirect(url_for("overdue.show", number=number, done=f"dunning_{act or 'parts'}"), 303)


@pages.get("/letters/<code>.pdf")
def letter(code: str) -> Response:
    """A letter, for staff and for the customer it was written to."""
    with unit() as work:
        content = letter_file(work, code)
    reply = Response(content, mimetype="application/pdf")
    reply.headers["Content-Disposition"] = f'inline; filename="{code}.pdf"'
    return reply


@pages.get("/accounting/funds")
@for_roles("accountant", "broker")
def funds() -> str:
    """Others' money, apart from the company's own."""
    with unit() as work:
        return render_template("overdue/funds.html", funds=third_party_funds(work))
