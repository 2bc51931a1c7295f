"""The wall: every call carries an API key (`Authorization: Bearer ck_…`), the description alone is open."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse
from werkzeug.exceptions import TooManyRequests

from api.work import front
from broker.accounts.api_keys import actor_of_api_key
from broker.kernel.actor import PUBLIC, Actor
from broker.kernel.errors import NotAuthenticated
from broker.kernel.settings import Settings

OPEN = frozenset({"description.show"})


def install(app: Flask, settings: Settings) -> None:
    """Find who calls before each call, and bound how often one key may, and how often one address may fail.

    Many programs may share an address, and one program may have many: what is bounded is the key. An address whose
    keys are refused too often waits before another is looked at.
    """
    refusals = parse(f"{settings.web.login_attempts_per_minute * 10} per minute")

    @app.before_request
    def require_key() -> None:
        if request.endpoint is None or request.endpoint in OPEN:
            return
        address = get_remote_address()
        if not limiter.limiter.test(refusals, "refused_keys", address):
            raise TooManyRequests
        try:
            g.actor, g.api_key = _caller()
        except NotAuthenticated:
            limiter.limiter.hit(refusals, "refused_keys", address)
            raise

    limiter = Limiter(
        lambda: g.get("api_key") or get_remote_address(),
        app=app,
        default_limits=[f"{settings.web.requests_per_minute} per minute"],
        storage_uri="memory://",
        headers_enabled=True,
    )
    app.extensions["courtier_limiter"] = limiter
    # Here a password or one-time code could be guessed, by whoever has a key alone.
    attempts: Any = limiter.limit(f"{settings.web.login_attempts_per_minute} per minute")
    app.view_functions["order_people.sign"] = attempts(app.view_functions["order_people.sign"])


def _caller() -> tuple[Actor, str]:
    """Who calls, and the public part of its key."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise NotAuthenticated("Send an API key in the header Authorization: Bearer ck_…", code="api_key_missing")
    with front().database.begin(PUBLIC) as unit:
        actor = actor_of_api_key(unit, secret, request.headers.get("Courtier-For", "").strip())
    return actor, "_".join(secret.split("_", 2)[:2])
