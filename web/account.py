"""One's own account: password, second factor, open sessions; and the API keys of one's organisation."""

from __future__ import annotations

from typing import Any

import segno
from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from broker.accounts.api_keys import create_api_key, list_api_keys, revoke_api_key
from broker.accounts.change_password import change_password
from broker.accounts.second_factor import (
    NewSecret,
    confirm_second_factor,
    find_second_factor,
    pending_secret,
    remove_own_second_factor,
    start_second_factor,
)
from broker.accounts.sessions import close_session, list_sessions
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError, InvalidInput
from web.http.forms import day_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, session_view, unit

pages = Blueprint("account", __name__)


@pages.get("/account")
def show() -> str:
    """Password, second factor, sessions."""
    with unit() as work:
        return render_template("account/show.html", **_contents(work))


@pages.post("/account/password")
def change() -> Response:
    """Change the password; every other session ends."""
    form = request.form
    try:
        if form.get("new", "") != form.get("again", ""):
            raise InvalidInput("The two new passwords differ.", code="passwords_differ", field="again")
        with unit() as work:
            change_password(work, form.get("current", ""), form.get("new", ""), _session_code())
    except CourtierError as refusal:
        with unit() as work:
            return page("account/show.html", refusal, **_contents(work))
    return redirect(url_for("account.show", done="password_changed"), 303)


@pages.post("/account/sessions/<code>/end")
def end_session(code: str) -> Response:
    """End one of one's sessions."""
    with unit() as work:
        close_session(work, code)
    if code == _session_code():
        return redirect(url_for("login.show", done="logged_out"), 303)
    return redirect(url_for("account.show", done="session_ended"), 303)


@pages.get("/account/second-factor")
def second_factor() -> str:
    """Set up, or take away."""
    with unit() as work:
        return render_template("account/second_factor.html", **_factor(work))


@pages.post("/account/second-factor")
def start_factor() -> Response:
    """Make a secret; the page that follows shows it until it is confirmed."""
    with unit() as work:
        start_second_factor(work, front().keys, _label())
    return redirect(url_for("account.second_factor"), 303)


@pages.post("/account/second-factor/confirm")
def confirm_factor() -> Response | str:
    """Confirm by a code; the recovery codes are shown this once."""
    try:
        with unit() as work:
            codes = confirm_second_factor(work, front().keys, request.form.get("code", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("account/second_factor.html", refusal, **_factor(work))
    return render_template("account/recovery_codes.html", codes=codes)


@pages.post("/account/second-factor/remove")
def remove_factor() -> Response:
    """Take the second factor away, against a code."""
    try:
        with unit() as work:
            remove_own_second_factor(work, front().keys, request.form.get("code", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("account/second_factor.html", refusal, **_factor(work))
    return redirect(url_for("account.show", done="second_factor_removed"), 303)


@pages.get("/account/keys")
@for_roles("owner", "advertiser", "broker", "accountant")
def keys() -> str:
    """The organisation's API keys."""
    with unit() as work:
        return render_template("account/keys.html", keys=list_api_keys(work), secret="", now=work.now)


@pages.post("/account/keys")
def create_key() -> Response | str:
    """Make a key; its secret is shown this once."""
    try:
        with unit() as work:
            last_day = day_of(request.form.get("expires", ""), "expires")
            _, secret = create_api_key(work, request.form.get("name", ""), last_day)
    except CourtierError as refusal:
        with unit() as work:
            return page(
                "account/keys.html", refusal, keys=list_api_keys(work), secret="", form=request.form, now=work.now
            )
    with unit() as work:
        return render_template("account/keys.html", keys=list_api_keys(work), secret=secret, now=work.now)


@pages.post("/account/keys/<prefix>/revoke")
def revoke_key(prefix: str) -> Response:
    """End a key at once."""
    with unit() as work:
        revoke_api_key(work, prefix)
    return redirect(url_for("account.keys", done="key_revoked"), 303)


def _contents(work: UnitOfWork) -> dict[str, Any]:
    return {"sessions": list_sessions(work), "factor": find_second_factor(work), "here": _session_code()}


def _factor(work: UnitOfWork) -> dict[str, Any]:
    pending = pending_secret(work, front().keys, _label())
    view = session_view()
    return {
        "factor": find_second_factor(work),
        "pending": pending,
        "picture": None if pending is None else _picture(pending),
        "must": view is not None and view.must_enrol,
    }


def _picture(secret: NewSecret) -> Markup:
    """The QR code as inline SVG, without styles: the Content-Security-Policy would refuse them."""
    drawn = segno.make(secret.address, error="m").svg_inline(border=4, light="#fff", omitsize=True)
    return Markup(drawn)  # noqa: S704 - drawn here from an address of ours


def _label() -> str:
    view = session_view()
    assert view is not None
    return f"{view.name} ({view.org_name})"


def _session_code() -> str:
    view = session_view()
    return view.code if view else ""
