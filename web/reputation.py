"""How mail fares, what is held and why, and its release by a person; for the broker."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.delivery.reputation import list_holds, release_hold, standing_of
from broker.delivery.reputation_model import KINDS
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("reputation", __name__)
SPANS = (24, 168, 720)  # hours


@pages.get("/reputation")
@for_roles("broker")
def index() -> str:
    """Rates by sending domain, relay and provider; holds."""
    return render_template("staff/reputation.html", **_contents(), refusal=None)


@pages.post("/reputation/<code>/release")
@for_roles("broker")
def release(code: str) -> Response:
    """Let mail go on."""
    try:
        with unit() as work:
            release_hold(work, code, request.form.get("reason", ""))
    except CourtierError as refusal:
        return page("staff/reputation.html", refusal, **_contents())
    return redirect(url_for("reputation.index", done="hold_released"), 303)


def _contents() -> dict[str, Any]:
    hours = request.args.get("hours", 24, type=int)
    hours = hours if hours in SPANS else 24
    with unit() as work:
        return {
            "standings": {kind: standing_of(work, kind, hours) for kind in KINDS},
            "open": list_holds(work),
            "past": list_holds(work, released=True)[:20],
            "hours": hours,
            "spans": SPANS,
            "limits": front().settings.reputation,
        }
