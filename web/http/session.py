"""The log-in wall: every route needs a session unless it stands in `OPEN`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

from flask import Flask, g, redirect, request, url_for
from werkzeug.wrappers import Response

from broker.accounts.sessions import find_session
from broker.kernel.actor import PUBLIC, Role
from web.http.work import actor, front

COOKIE = "courtier_session"
# Routes that answer without a log-in. The blueprint `public` (click, unsubscribe, rights of the person) is open as a
# whole: persons have no account; `metrics` has a wall of its own. A test walks all routes against this list.
OPEN = frozenset(
    {
        "static",
        "login.show",
        "login.enter",
        "login.code",
        "login.pass_code",
        "login.choose_password",
        "login.set_password",
        "payments.stripe_webhook",
        "health.health",
        "health.live",
        "health.ready",
    }
)
# All that somebody may do whose role needs a second factor and who has none yet.
ENROLLING = frozenset({"account.second_factor", "account.start_factor", "account.confirm_factor", "login.leave"})
OPEN_BLUEPRINTS = frozenset({"public", "metrics"})

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def is_open(endpoint: str | None) -> bool:
    """Whether a route answers without a log-in."""
    return endpoint in OPEN or (endpoint or "").partition(".")[0] in OPEN_BLUEPRINTS


def install(app: Flask) -> None:
    """Find the session before each request, and stop whoever has none."""

    @app.before_request
    def find_or_stop() -> Response | None:
        g.session_view = None
        if request.endpoint == "static" or request.blueprint in OPEN_BLUEPRINTS:
            return None
        token = request.cookies.get(COOKIE, "")
        if token:
            with front().database.begin(PUBLIC) as unit:
                g.session_view = find_session(unit, token)
        if g.session_view is not None and g.session_view.must_enrol and request.endpoint not in ENROLLING:
            return redirect(url_for("account.second_factor"), 303)
        if g.session_view is not None or is_open(request.endpoint) or request.endpoint is None:
            return None
        return to_login()


def to_login() -> Response:
    """Send to the log-in page, and back to this page after it."""
    back = request.full_path.rstrip("?") if request.method == "GET" else ""
    target = url_for("login.show", next=back if back not in ("", "/") else None)
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Redirect": url_for("login.show")})
    return redirect(target, 303)


def safe_target(target: str) -> str:
    """A path of ours to go to after log-in; anything that leaves the site becomes the home page."""
    parts = urlsplit(target)
    own = target.startswith("/") and not target.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme
    return target if own and "\\" not in target else url_for("home.show")


def set_session_cookie(reply: Response, token: str) -> None:
    """Hand the session's token to the browser, out of reach of scripts."""
    reply.set_cookie(COOKIE, token, httponly=True, samesite="Lax", secure=is_https(), path="/")


def is_https() -> bool:
    """Whether the site is served over https, after the settings and not the request."""
    return front().settings.web.public_url.startswith("https://")


def for_roles(*roles: Role) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Refuse a page to other roles before any work is done."""

    def decorate(view: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(view)
        def guarded(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            actor().require(*roles)
            return view(*args, **kwargs)

        return guarded

    return decorate
