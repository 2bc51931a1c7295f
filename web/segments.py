"""Segments: the rule editor with its count, and one segment with what may be done with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.bases.find_base import find_base
from broker.catalogue.find_card import list_cards
from broker.catalogue.list_columns import list_columns
from broker.catalogue.segments import create_segment, find_segment, read_rule
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("segments", __name__)


@pages.get("/bases/<base_code>/segments/new")
@for_roles("owner")
def new(base_code: str) -> str:
    """The rule editor."""
    with unit() as work:
        return render_template("segments/new.html", form={}, **editor(work, base_code))


@pages.post("/bases/<base_code>/segments")
@for_roles("owner")
def create(base_code: str) -> Reply:
    """Save a segment."""
    form = request.form
    try:
        with unit() as work:
            segment = create_segment(work, base_code, form.get("name", ""), form.get("rule", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("segments/new.html", refusal, form=form, **editor(work, base_code))
    return redirect(url_for("segments.show", code=segment.code, done="segment_created"), 303)


@pages.post("/bases/<base_code>/count")
@for_roles("owner")
def count(base_code: str) -> Response:
    """Count the rule as it stands in the editor: a piece of the page."""
    try:
        with unit() as work:
            base_id = find_base(work, base_code).id
            rule = read_rule(work, base_id, request.form.get("rule", ""))
        answer = front().audience.count_for_owner(base_id, rule)
    except CourtierError as refusal:
        return page("segments/count.html", refusal, answer=None)
    return Response(render_template("segments/count.html", answer=answer, refusal=None))


@pages.get("/segments/<code>")
@for_roles("owner")
def show(code: str) -> str:
    """One segment: its count, its cards, the way to publish it."""
    with unit() as work:
        segment = find_segment(work, code)
        cards = [card for card in list_cards(work) if card.segment_id == segment.id]
    return render_template("segments/show.html", segment=segment, cards=cards)


def editor(work: UnitOfWork, base_code: str) -> dict[str, Any]:
    """What the editor shows: the base, and the fields that a rule may name."""
    base = find_base(work, base_code)
    return {"base": base, "columns": list_columns(work, base_code)}
