"""Log in and out."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.log_in import log_in
from broker.accounts.sessions import log_out
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import NotAuthenticated
from web.http.session import COOKIE, safe_target, set_session_cookie
from web.http.work import front, session_view

pages = Blueprint("login", __name__)


@pages.get("/login")
def show() -> str | Response:
    """The log-in form."""
    if session_view():
        return redirect(url_for("home.show"))
    return render_template("login.html", target=request.args.get("next", ""))


@pages.post("/login")
def enter() -> Response | tuple[str, int]:
    """Check e-mail and password, and hand out a session."""
    target = request.form.get("next", "")
    try:
        with front().database.begin(PUBLIC) as unit:
            entered = log_in(unit, request.form.get("email", ""), request.form.get("password", ""))
    except NotAuthenticated as refusal:
        form = render_template("login.html", refusal=refusal, email=request.form.get("email", ""), target=target)
        return form, refusal.status
    reply = redirect(safe_target(target), 303)
    set_session_cookie(reply, entered.token)
    return reply


@pages.post("/logout")
def leave() -> Response:
    """End the session everywhere."""
    with front().database.begin(PUBLIC) as unit:
        log_out(unit, request.cookies.get(COOKIE, ""))
    reply = redirect(url_for("login.show", done="logged_out"), 303)
    reply.delete_cookie(COOKIE)
    return reply
