"""Figures for monitoring: to this machine, or to whoever has the operator's token."""

from __future__ import annotations

import hmac
import os
from ipaddress import ip_address

from flask import Blueprint, Response, request

from broker.operate.figures import prometheus_text, read_figures
from web.http.work import front

pages = Blueprint("metrics", __name__)

TOKEN = "COURTIER_METRICS_TOKEN"  # noqa: S105 - the variable's name
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@pages.get("/metrics")
def metrics() -> Response:
    """Counts by state in Prometheus' text form; also when the database is away, which is a figure, too."""
    if not (_has_token() or _from_here()):
        return Response("Ask from this machine, or with the token of the operator.\n", 403, mimetype="text/plain")
    return Response(prometheus_text(read_figures(front().database)), content_type=PROMETHEUS)


def _has_token() -> bool:
    wanted = os.environ.get(TOKEN, "")
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(wanted) and hmac.compare_digest(given.encode(), wanted.encode())


def _from_here() -> bool:
    """A request from this machine that no proxy passed on: behind one, everybody comes from there."""
    if any(request.headers.get(name) for name in ("X-Forwarded-For", "Forwarded", "X-Real-Ip", "Via")):
        return False
    try:
        return ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
