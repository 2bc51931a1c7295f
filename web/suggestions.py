"""Which traits go with buying: rules found in an owner's base, each a segment at one click."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request

from broker.bases.find_base import find_base
from broker.kernel.errors import CourtierError, InvalidInput
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("suggestions", __name__)
TARGETS = ("bought", "bought_within", "large")


@pages.get("/bases/<base_code>/suggestions")
@for_roles("owner")
def show(base_code: str) -> str:
    """What to look for; the answer follows (or comes at once with `now=1`, without scripts)."""
    with unit() as work:
        base = find_base(work, base_code)
    answer, refusal = None, None
    if request.args.get("now"):
        try:
            answer = found(base.id)
        except CourtierError as error:
            refusal = error
    return render_template(
        "segments/suggestions.html", base=base, targets=TARGETS, answer=answer, refusal=refusal, asked=request.args
    )


@pages.get("/bases/<base_code>/suggestions/found")
@for_roles("owner")
def results(base_code: str) -> Response:
    """The rules found: a piece of the page."""
    with unit() as work:
        base = find_base(work, base_code)
    try:
        answer = found(base.id)
    except CourtierError as refusal:
        return page("segments/suggested.html", refusal, answer=None, base=base)
    return Response(render_template("segments/suggested.html", answer=answer, refusal=None, base=base))


def found(base_id: int) -> dict[str, Any]:
    """The engine's answer to what the address asks for."""
    target = request.args.get("target", "bought")
    months = request.args.get("months", 12, type=int)
    if target not in TARGETS:
        raise InvalidInput('The target is "bought", "bought_within" or "large".', code="bad_target", field="target")
    return front().audience.suggest_segments(base_id, target, months)
