"""How often one address may ask: generally, and far less at the log-in."""

from __future__ import annotations

from typing import Any

from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from broker.kernel.settings import Settings
from web.public import UNCOUNTED


def install(app: Flask, settings: Settings) -> None:
    """Count requests in this process's memory; behind several processes the bound is multiplied by their number."""
    limiter = Limiter(
        get_remote_address,
        default_limits=[f"{settings.web.requests_per_minute} per minute"],
        storage_uri="memory://",
        headers_enabled=True,
    )
    limiter.init_app(app)
    limiter.request_filter(lambda: request.endpoint == "static" or request.endpoint in UNCOUNTED)
    for endpoint in ("login.enter", "login.pass_code", "login.set_password", "order_people.sign"):
        attempts = limiter.limit(f"{settings.web.login_attempts_per_minute} per minute")
        guarded: Any = attempts(app.view_functions[endpoint])
        app.view_functions[endpoint] = guarded
