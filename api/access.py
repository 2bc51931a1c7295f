"""The wall: every call carries an API key (`Authorization: Bearer ck_…`), the description alone is open."""

from __future__ import annotations

from typing import Any

from flask import Flask, g, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from api.work import front
from broker.accounts.api_keys import actor_of_api_key
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import NotAuthenticated
from broker.kernel.settings import Settings

OPEN = frozenset({"description.show"})


def install(app: Flask, settings: Settings) -> None:
    """Find who calls before each call, and bound how often one address may."""
    limiter = Limiter(
        get_remote_address,
        app=app,
        default_limits=[f"{settings.web.requests_per_minute} per minute"],
        storage_uri="memory://",
        headers_enabled=True,
    )
    app.extensions["courtier_limiter"] = limiter
    # Here a password or one-time code could be guessed, by whoever has a key alone.
    attempts: Any = limiter.limit(f"{settings.web.login_attempts_per_minute} per minute")
    app.view_functions["order_people.sign"] = attempts(app.view_functions["order_people.sign"])

    @app.before_request
    def require_key() -> None:
        if request.endpoint is None or request.endpoint in OPEN:
            return
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise NotAuthenticated("Send an API key in the header Authorization: Bearer ck_…", code="api_key_missing")
        with front().database.begin(PUBLIC) as unit:
            g.actor = actor_of_api_key(unit, secret.strip(), request.headers.get("Courtier-For", "").strip())
