"""Log in, in one step or two, and out; choose a password by a mailed link."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.invite import accept_invitation
from broker.accounts.log_in import log_in
from broker.accounts.second_factor import pass_second_factor
from broker.accounts.sessions import log_out
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import CourtierError, InvalidInput, NotAuthenticated
from web.http.refusals import page
from web.http.session import COOKIE, safe_target, set_session_cookie
from web.http.work import front, session_view

pages = Blueprint("login", __name__)

SECOND_FACTOR_FOR: dict[str, tuple[str, ...]] = {
    "optional": (),
    "staff": ("broker", "accountant"),
    "everybody": ("broker", "accountant", "owner", "advertiser", "agency"),
}


@pages.get("/login")
def show() -> str | Response:
    """The log-in form."""
    if session_view():
        return redirect(url_for("home.show"))
    return render_template("login.html", target=request.args.get("next", ""))


@pages.post("/login")
def enter() -> Response | tuple[str, int]:
    """Check e-mail and password, and hand out a session: an open one, or one that waits for the second factor."""
    target, email = request.form.get("next", ""), request.form.get("email", "")
    needed = SECOND_FACTOR_FOR[front().settings.web.second_factor]
    try:
        with front().database.begin(PUBLIC) as unit:
            entered = log_in(unit, email, request.form.get("password", ""), needed)
    except NotAuthenticated as refusal:
        form = render_template("login.html", refusal=refusal, email=email, target=target)
        return form, refusal.status
    if entered.stage == "code":
        reply = redirect(url_for("login.code", next=target or None), 303)
    elif entered.stage == "enrol":
        reply = redirect(url_for("account.second_factor"), 303)
    else:
        reply = redirect(safe_target(target), 303)
    set_session_cookie(reply, entered.token)
    return reply


@pages.get("/login/code")
def code() -> str | Response:
    """The second step."""
    if session_view():
        return redirect(url_for("home.show"))
    if not request.cookies.get(COOKIE):
        return redirect(url_for("login.show"))
    return render_template("login_code.html", target=request.args.get("next", ""))


@pages.post("/login/code")
def pass_code() -> Response:
    """Check the one-time or recovery code; the session gets a new token."""
    target = request.form.get("next", "")
    with front().database.begin(PUBLIC) as unit:
        entered = pass_second_factor(unit, front().keys, request.cookies.get(COOKIE, ""), request.form.get("code", ""))
    if entered is None:
        wrong = NotAuthenticated(
            "This code is wrong, was used, or came too late. Type the next one; after five wrong codes log in again.",
            code="bad_code_entered",
        )
        return page("login_code.html", wrong, target=target)
    reply = redirect(safe_target(target), 303)
    set_session_cookie(reply, entered.token)
    return reply


@pages.get("/login/password/<token>")
def choose_password(token: str) -> str:
    """The page of a mailed link; looking at it uses nothing up."""
    return render_template("choose_password.html", token=token)


@pages.post("/login/password/<token>")
def set_password(token: str) -> Response:
    """Choose the password; the link works once."""
    form = request.form
    try:
        if form.get("new", "") != form.get("again", ""):
            raise InvalidInput("The two new passwords differ.", code="passwords_differ", field="again")
        with front().database.begin(PUBLIC) as unit:
            accept_invitation(unit, token, form.get("new", ""))
    except CourtierError as refusal:
        return page("choose_password.html", refusal, token=token)
    reply = redirect(url_for("login.show", done="password_chosen"), 303)
    reply.delete_cookie(COOKIE)
    return reply


@pages.post("/logout")
def leave() -> Response:
    """End the session everywhere."""
    with front().database.begin(PUBLIC) as unit:
        log_out(unit, request.cookies.get(COOKIE, ""))
    reply = redirect(url_for("login.show", done="logged_out"), 303)
    reply.delete_cookie(COOKIE)
    return reply
