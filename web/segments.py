"""Segments of a base: the list, the rule editor, one segment with its figures, uses and history."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Reply

from broker.bases.find_base import find_base
from broker.catalogue.archive_segment import archive_segment, restore_segment
from broker.catalogue.change_segment import change_segment, duplicate_segment
from broker.catalogue.find_card import list_cards
from broker.catalogue.list_columns import list_columns
from broker.catalogue.model import Segment
from broker.catalogue.segment_life import (
    remember_count,
    rule_stands,
    segment_history,
    segment_lines,
    segment_uses,
)
from broker.catalogue.segments import create_segment, find_segment
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http.field_words import field_label
from web.http.refusals import page
from web.http.rule_words import rule_words
from web.http.session import for_roles
from web.http.work import front, unit
from web.rules import counted

pages = Blueprint("segments", __name__)


@pages.get("/bases/<base_code>/segments")
@for_roles("owner")
def index(base_code: str) -> str:
    """All segments of a base; those of the archive apart."""
    archived = request.args.get("archived") == "1"
    with unit() as work:
        base = find_base(work, base_code)
        lines = segment_lines(work, base_code, archived)
    return render_template("segments/index.html", base=base, lines=lines, archived=archived)


@pages.get("/bases/<base_code>/segments/new")
@for_roles("owner")
def new(base_code: str) -> str:
    """The rule editor; a finding hands over its rule and a name in the address."""
    form = {"name": request.args.get("name", ""), "rule": request.args.get("rule", "")}
    with unit() as work:
        return render_template("segments/edit.html", form=form, segment=None, **editor(work, base_code))


@pages.post("/bases/<base_code>/segments")
@for_roles("owner")
def create(base_code: str) -> Reply:
    """Save a segment, or (without scripts) count the rule and show the editor again."""
    form = request.form
    if form.get("do") == "count":
        return counted_page(base_code, None)
    try:
        with unit() as work:
            segment = create_segment(work, base_code, form.get("name", ""), form.get("rule", ""))
    except CourtierError as refusal:
        with unit() as work:
            return page("segments/edit.html", refusal, form=form, segment=None, **editor(work, base_code))
    return redirect(url_for("segments.show", code=segment.code, done="segment_created"), 303)


@pages.get("/segments/<code>/edit")
@for_roles("owner")
def edit(code: str) -> str:
    """The rule editor on a saved segment."""
    with unit() as work:
        segment = find_segment(work, code)
        return render_template(
            "segments/edit.html",
            form={"name": segment.name, "rule": segment.rule_text},
            segment=segment,
            stands=rule_stands(work, segment),
            **editor(work, segment.base_code),
        )


@pages.post("/segments/<code>")
@for_roles("owner")
def save(code: str) -> Reply:
    """Save another name or rule."""
    form = request.form
    with unit() as work:
        segment = find_segment(work, code)
    if form.get("do") == "count":
        return counted_page(segment.base_code, segment)
    try:
        with unit() as work:
            change_segment(work, code, form.get("name"), form.get("rule"))
    except CourtierError as refusal:
        with unit() as work:
            return page(
                "segments/edit.html",
                refusal,
                form=form,
                segment=segment,
                stands=rule_stands(work, segment),
                **editor(work, segment.base_code),
            )
    return redirect(url_for("segments.show", code=code, done="segment_changed"), 303)


@pages.get("/segments/<code>")
@for_roles("owner")
def show(code: str) -> str:
    """One segment: figures, who is in it, what stands on it, what it was."""
    with unit() as work:
        return render_template("segments/show.html", **contents(work, code))


@pages.post("/segments/<code>/count")
@for_roles("owner")
def count(code: str) -> Response:
    """Count a saved segment for a day and keep today's figure for the list: a piece of the page."""
    day = request.form.get("send_on", "")
    try:
        with unit() as work:
            segment = find_segment(work, code)
        answer = counted(segment.base_code, segment.rule_text, day, [])
        if not day:
            with unit() as work:
                remember_count(work, segment, answer)
    except CourtierError as refusal:
        return page("segments/count.html", refusal, answer=None)
    return Response(
        render_template("segments/count.html", answer=answer, refusal=None, base_code=segment.base_code, day=day)
    )


@pages.post("/segments/<code>/profile")
@for_roles("owner")
def profile(code: str) -> Response:
    """Who is in a segment, beside the whole base: a piece of the page."""
    try:
        with unit() as work:
            segment = find_segment(work, code)
        answer = front().audience.ask("own_profile", base_id=segment.base_id, rule=segment.rule)
    except CourtierError as refusal:
        return page("segments/profile.html", refusal, answer=None)
    return Response(render_template("segments/profile.html", answer=answer, refusal=None, field_label=field_label))


@pages.post("/segments/<code>/duplicate")
@for_roles("owner")
def duplicate(code: str) -> Reply:
    """A copy to change."""
    try:
        with unit() as work:
            segment = find_segment(work, code)
            name = _("%(name)s (copy)", name=segment.name[:100])
            copy = duplicate_segment(work, code, request.form.get("name") or name)
    except CourtierError as refusal:
        return shown_again(code, refusal)
    return redirect(url_for("segments.edit", code=copy.code, done="segment_copied"), 303)


@pages.post("/segments/<code>/archive")
@for_roles("owner")
def archive(code: str) -> Reply:
    """Put away what nothing stands on."""
    try:
        with unit() as work:
            archive_segment(work, code)
    except CourtierError as refusal:
        return shown_again(code, refusal)
    return redirect(url_for("segments.show", code=code, done="segment_archived"), 303)


@pages.post("/segments/<code>/restore")
@for_roles("owner")
def restore(code: str) -> Reply:
    """Take out of the archive."""
    with unit() as work:
        restore_segment(work, code)
    return redirect(url_for("segments.show", code=code, done="segment_restored"), 303)


def shown_again(code: str, refusal: CourtierError) -> Response:
    """The segment's page with what was wrong."""
    with unit() as work:
        return page("segments/show.html", refusal, **contents(work, code))


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page of a segment shows."""
    segment = find_segment(work, code)
    line = next(
        (
            line
            for archived in (False, True)
            for line in segment_lines(work, segment.base_code, archived)
            if line.code == code
        ),
        None,
    )
    return {
        "segment": segment,
        "line": line,
        "base": find_base(work, segment.base_code),
        "cards": [card for card in list_cards(work) if card.segment_id == segment.id],
        "uses": segment_uses(work, segment),
        "history": segment_history(work, segment),
        "stands": rule_stands(work, segment),
    }


def counted_page(base_code: str, segment: Segment | None) -> Response:
    """The editor with the figures in it, for who has no scripts."""
    form = request.form
    refusal, answer = None, None
    try:
        answer = counted(base_code, form.get("rule", ""), form.get("send_on", ""), [])
    except CourtierError as error:
        refusal = error
    with unit() as work:
        values = editor(work, base_code)
        stands = segment is not None and rule_stands(work, segment)
    return Response(
        render_template(
            "segments/edit.html",
            form=form,
            segment=segment,
            stands=stands,
            answer=answer,
            refusal=refusal,
            **values,
        ),
        refusal.status if refusal else 200,
    )


def editor(work: UnitOfWork, base_code: str) -> dict[str, Any]:
    """What the editor shows: the base, its other segments, the fields that a rule may name, the scripts' words."""
    base = find_base(work, base_code)
    own = request.view_args.get("code") if request.view_args else None
    segments = [{"code": line.code, "name": line.name} for line in segment_lines(work, base_code) if line.code != own]
    return {
        "base": base,
        "columns": list_columns(work, base_code)[:200],
        "segments": segments,
        "words": json.dumps(rule_words(), ensure_ascii=False),
        "field_label": field_label,
    }
