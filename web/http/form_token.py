"""The form token: every POST carries the session's own, or is refused.

The log-in form has no session yet: a random value in a strict cookie and the same value in the form stand for it.
"""

from __future__ import annotations

import hmac
import secrets

from flask import Flask, Response, g, request
from markupsafe import Markup

from broker.kernel.errors import Forbidden
from web.http.session import OPEN_BLUEPRINTS, is_https
from web.http.work import session_view

FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
LOGIN_COOKIE = "courtier_form"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# These check the token themselves: uploads are read as a stream and never as a form, Stripe signs its calls.
SELF_CHECKED = frozenset({"uploads.receive", "suppression_lists.receive", "payments.stripe_webhook"})


def install(app: Flask) -> None:
    """Check the token of each request that may change something."""

    @app.before_request
    def check() -> None:
        if request.method in SAFE or request.endpoint in SELF_CHECKED or request.endpoint is None:
            return
        if request.blueprint in OPEN_BLUEPRINTS:
            return  # the person's own token stands in the address (RFC 8058); there is no session to abuse
        require(request.headers.get(HEADER) or request.form.get(FIELD, ""))

    @app.after_request
    def hand_out(reply: Response) -> Response:
        if "form_cookie" in g:
            reply.set_cookie(
                LOGIN_COOKIE, g.form_cookie, httponly=True, samesite="Strict", secure=is_https(), path="/login"
            )
        return reply

    app.jinja_env.globals["form_token"] = field
    app.jinja_env.globals["form_token_value"] = expected


def require(given: str) -> None:
    """Refuse a request whose token is not the session's."""
    view = session_view()
    known = view.csrf if view else request.cookies.get(LOGIN_COOKIE, "")
    if not known or not hmac.compare_digest(known.encode(), given.encode()):
        raise Forbidden("This form is out of date. Go back, reload the page and send it again.", code="form_token")


def expected() -> str:
    """The token that forms of this page carry."""
    view = session_view()
    if view:
        return view.csrf
    if "form_cookie" not in g:
        g.form_cookie = request.cookies.get(LOGIN_COOKIE) or secrets.token_urlsafe(24)
    return str(g.form_cookie)


def field() -> Markup:
    """The hidden field of a form."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, expected())
