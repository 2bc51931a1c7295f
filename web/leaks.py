"""Leak cases: mails from strangers to control addresses of one mailing."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.feedback.leaks import close_leak, find_leak, list_leaks
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import unit

pages = Blueprint("leaks", __name__)


@pages.get("/leaks")
@for_roles("owner", "broker")
def index() -> str:
    """All cases, open ones first."""
    with unit() as work:
        return render_template("leaks/index.html", cases=list_leaks(work))


@pages.get("/leaks/<code>")
@for_roles("owner", "broker")
def show(code: str) -> str:
    """One case: base, mailing, sender, and what was found out."""
    with unit() as work:
        return render_template("leaks/show.html", case=find_leak(work, code))


@pages.post("/leaks/<code>")
@for_roles("owner", "broker")
def close(code: str) -> Response:
    """Close it with what was found out."""
    try:
        with unit() as work:
            close_leak(work, code, request.form.get("resolution", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("leaks/show.html", refusal, case=find_leak(work, code))
    return redirect(url_for("leaks.show", code=code, done="leak_closed"), 303)
