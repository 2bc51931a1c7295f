"""Whether this process lives, and whether it can work."""

from __future__ import annotations

from flask import Blueprint

from broker.kernel.actor import PUBLIC
from broker.kernel.errors import Unavailable
from web.http.work import front

pages = Blueprint("health", __name__)


@pages.get("/health")
def health() -> tuple[dict[str, object], int]:
    """Both in one answer, for people and load balancers: 503 when the database is away."""
    try:
        ready()
    except Unavailable:
        return {"status": "degraded", "database": False}, 503
    return {"status": "ok", "database": True}, 200


@pages.get("/health/live")
def live() -> tuple[str, dict[str, str]]:
    """The process answers."""
    return "ok\n", {"Content-Type": "text/plain; charset=utf-8"}


@pages.get("/health/ready")
def ready() -> tuple[str, dict[str, str]]:
    """The database answers too; a refusal becomes a 503."""
    with front().database.begin(PUBLIC) as unit:
        unit.scalar("SELECT 1")
    return "ready\n", {"Content-Type": "text/plain; charset=utf-8"}
