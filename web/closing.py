"""Closing a month, step by step, and opening a softly closed one again."""

from __future__ import annotations

from datetime import date, timedelta

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.close_checks import CHECKS, bounds, month_findings
from broker.billing.close_month import ask_close, close_answers, period_state
from broker.billing.figures import cut_off
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.ledger.reopen import answer_reopening, ask_reopening, find_reopening, list_reopenings
from web.http.forms import day_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("closing", __name__)


def _contents(work: UnitOfWork, month: date) -> dict[str, object]:
    findings = month_findings(work, front().settings, month)
    first, last = bounds(month)
    return {
        "month": month,
        "before": (first - timedelta(days=1)).replace(day=1),
        "after": last + timedelta(days=1),
        "state": period_state(work, month),
        "over": work.today > last,
        "checks": [(check, next((f for f in findings if f.code == check.code), None)) for check in CHECKS],
        "blocked": any(finding.blocks for finding in findings),
        "cut": cut_off(work, month),
        "asks": close_answers(work, month),
        "reopenings": list_reopenings(work, month),
        "me": work.actor.user_id,
    }


@pages.get("/accounting/close")
@for_roles("accountant", "broker")
def show() -> str:
    """What was looked at, what it means, run, lock; without a month the one before this."""
    with unit() as work:
        return render_template("accounting/close.html", form={}, **_contents(work, _month(work.today)))


@pages.post("/accounting/close")
@for_roles("accountant", "broker")
def run() -> Response:
    """Ask for the close; a worker does it, once."""
    with unit() as work:
        month = _month(work.today, request.form.get("month", ""))
        ask_close(work, month, "soft_closed" if request.form.get("target") == "soft_closed" else "locked")
    return redirect(url_for("closing.show", month=f"{month:%Y-%m}", done="close_asked"), 303)


@pages.post("/accounting/reopenings")
@for_roles("accountant", "broker")
def ask() -> Response:
    """Ask for a softly closed month to be opened again, with a reason."""
    form = request.form
    with unit() as work:
        month = _month(work.today, form.get("month", ""))
    try:
        with unit() as work:
            ask_reopening(work, month, form.get("reason", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("accounting/close.html", refusal, form=form, **_contents(work, month))
    return redirect(url_for("closing.show", month=f"{month:%Y-%m}", done="reopening_asked"), 303)


@pages.post("/accounting/reopenings/<code>/<any(open, refuse):verb>")
@for_roles("accountant", "broker")
def answer(code: str, verb: str) -> Response:
    """Another person opens the month, or refuses."""
    try:
        with unit() as work:
            found = answer_reopening(work, code, yes=verb == "open")
    except CourtierError as refusal:
        with unit() as work:
            month = find_reopening(work, code).month
            return page("accounting/close.html", refusal, form={}, **_contents(work, month))
    done = "month_reopened" if verb == "open" else "reopening_refused"
    return redirect(url_for("closing.show", month=f"{found.month:%Y-%m}", done=done), 303)


def _month(today: date, text: str | None = None) -> date:
    """The month asked for; without one, the month before this one."""
    text = request.args.get("month", "") if text is None else text
    if not text:
        return (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return day_of(f"{text}-01", "month") or today
