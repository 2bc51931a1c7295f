"""How mail fares, what is held and why, and its release by a person; for the broker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.delivery.reputation import list_holds, release_hold, standing_of
from broker.delivery.reputation_model import KINDS, HoldKind, Standing
from broker.kernel.database import UnitOfWork
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
    asked = request.args.get("hours", type=int)
    with unit() as work:
        hours, standings = _span(work, (asked,) if asked in SPANS else SPANS)
        return {
            "standings": standings,
            "open": list_holds(work),
            "past": list_holds(work, released=True)[:20],
            "hours": hours,
            "spans": SPANS,
            "limits": front().settings.reputation,
        }


def _span(work: UnitOfWork, spans: Sequence[int]) -> tuple[int, dict[HoldKind, list[Standing]]]:
    """The shortest of these spans in which mail left, else the first: a quiet day must not look like no mail ever."""
    found: dict[int, dict[HoldKind, list[Standing]]] = {}
    for hours in spans:
        found[hours] = {kind: standing_of(work, kind, hours) for kind in KINDS}
        if any(found[hours].values()):
            return hours, found[hours]
    return spans[0], found[spans[0]]
