"""Mailings: what is being sent and what became of it, down to the single send."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.billing.drill import lines_of_send
from broker.mailings.cancel import cancel_mailing
from broker.mailings.find_mailing import find_mailing, list_mailings
from broker.mailings.list_sends import find_send, list_sends
from broker.mailings.pause import pause_mailing
from broker.mailings.report import mailing_report
from broker.mailings.resume import resume_mailing
from web.http.work import unit

pages = Blueprint("mailings", __name__)
RUNNING = frozenset({"freezing", "frozen", "sending"})


@pages.get("/mailings")
def index() -> str:
    """The viewer's mailings."""
    with unit() as work:
        mailings = list_mailings(work)
    return render_template("mailings/index.html", mailings=mailings)


@pages.get("/mailings/<code>")
def show(code: str) -> str:
    """The report of a mailing; while it is sent the page asks again."""
    with unit() as work:
        report = mailing_report(work, code)
    return render_template("mailings/show.html", report=report, running=report.state in RUNNING)


@pages.get("/mailings/<code>/report")
def report(code: str) -> str:
    """The figures alone, for the page that asks again."""
    with unit() as work:
        found = mailing_report(work, code)
    return render_template("mailings/report.html", report=found, running=found.state in RUNNING)


@pages.get("/mailings/<code>/sends")
def sends(code: str) -> str:
    """The single sends by position: state and price, never a person."""
    number = request.args.get("page", 1, type=int)
    with unit() as work:
        mailing = find_mailing(work, code)
        page = list_sends(work, code, number)
    return render_template("mailings/sends.html", mailing=mailing, sends=page)


@pages.get("/mailings/<code>/sends/<int:position>")
def one_send(code: str, position: int) -> str:
    """One send, and the documents that bill it: the way up."""
    with unit() as work:
        send = find_send(work, code, position)
        lines = lines_of_send(work, code, position)
    return render_template("mailings/send.html", code=code, send=send, lines=lines)


@pages.post("/mailings/<code>/pause")
def pause(code: str) -> Response:
    """Stop for now."""
    with unit() as work:
        pause_mailing(work, code)
    return redirect(url_for("mailings.show", code=code, done="paused"), 303)


@pages.post("/mailings/<code>/resume")
def resume(code: str) -> Response:
    """Go on."""
    with unit() as work:
        resume_mailing(work, code)
    return redirect(url_for("mailings.show", code=code, done="resumed"), 303)


@pages.post("/mailings/<code>/cancel")
def cancel(code: str) -> Response:
    """Stop for good."""
    with unit() as work:
        cancel_mailing(work, code)
    return redirect(url_for("mailings.show", code=code, done="mailing_cancelled"), 303)
