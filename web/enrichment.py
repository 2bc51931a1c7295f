"""Enrichment of known contacts by a partial file, what each changed, and fields that grow stale."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.bases.contract import contract_in_force, require_contract
from broker.bases.enrich import changes_by, list_enrichments, mark_as_enrichment
from broker.bases.find_base import find_base
from broker.bases.imports import find_import
from broker.bases.preview import ask_preview
from broker.bases.receive import receive_upload
from broker.bases.stale_fields import (
    LONGEST_MONTHS,
    USUAL_MONTHS,
    list_reminders,
    list_watches,
    stop_watching,
    watch_field,
    watchable_fields,
)
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from web.http import form_token
from web.http.form_stream import read_form_stream
from web.http.forms import whole_of
from web.http.refusals import page
from web.http.session import for_roles
from web.http.words import word
from web.http.work import front, unit

pages = Blueprint("enrichment", __name__)


@pages.get("/bases/<code>/enrichment")
@for_roles("owner")
def show(code: str) -> str:
    """The enrichments of a base, and its watched fields."""
    with unit() as work:
        return render_template("enrichment/show.html", **contents(work, code))


@pages.post("/bases/<code>/enrichment")
@for_roles("owner")
def receive(code: str) -> Response:
    """Receive a file that enriches, then look at its columns."""
    means = front()
    request.max_content_length = means.settings.web.max_upload_mb * 1024 * 1024
    form = read_form_stream(request.headers.get("Content-Type", ""), request.stream)
    form_token.require(form.fields.get(form_token.FIELD, ""))
    with unit() as work:
        if means.settings.trade.contract_required:
            require_contract(work, code)
        upload = receive_upload(work, means.keys, means.settings, code, "contacts", form.file_name, form.chunks)
        mark_as_enrichment(work, upload.code)
        ask_preview(work, upload.code)
    return redirect(url_for("plans.show", code=upload.code), 303)


@pages.get("/bases/<code>/enrichment/<run>")
@for_roles("owner")
def changes(code: str, run: str) -> str:
    """What one enrichment changed, field by field."""
    with unit() as work:
        return render_template(
            "enrichment/changes.html",
            base=find_base(work, code),
            run=find_import(work, run),
            changes=changes_by(work, run),
        )


@pages.post("/bases/<code>/watches")
@for_roles("owner")
def watch(code: str) -> Response:
    """Be reminded of a field, or of it no more (`stop`)."""
    form = request.form
    try:
        with unit() as work:
            if "stop" in form:
                stop_watching(work, code, form["stop"])
            else:
                watch_field(work, code, form.get("field", ""), whole_of(form.get("months", ""), "months"))
    except CourtierError as refusal:
        with unit() as work:
            return page("enrichment/show.html", refusal, form=form, **contents(work, code))
    return redirect(url_for("enrichment.show", code=code, done="watch_changed") + "#watch", 303)


def contents(work: UnitOfWork, code: str) -> dict[str, Any]:
    """What the page shows."""
    watched = {one.field for one in list_watches(work, code)}
    return {
        "base": find_base(work, code),
        "contract": contract_in_force(work, code) or not front().settings.trade.contract_required,
        "enrichments": list_enrichments(work, code),
        "watches": list_watches(work, code),
        "reminders": {one.field: one for one in list_reminders(work, code)},
        "fields": [(name, word(name).capitalize()) for name in watchable_fields(work, code) if name not in watched],
        "usual": [(name, months) for name, months in USUAL_MONTHS.items() if name not in watched],
        "longest": LONGEST_MONTHS,
    }
