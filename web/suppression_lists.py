"""An advertiser's suppression files: send one, see what became of it, take it out of use."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.kernel.errors import CourtierError
from broker.suppression.receive_list import list_lists, receive_list, remove_list
from web.http import form_token
from web.http.form_stream import read_form_stream
from web.http.refusals import page
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("suppression_lists", __name__)


@pages.get("/suppression-files")
@for_roles("advertiser")
def index() -> str:
    """The files in use, waiting or failed."""
    with unit() as work:
        lists = list_lists(work)
    return render_template("suppression/index.html", lists=lists, form={}, refusal=None)


@pages.post("/suppression-files")
@for_roles("advertiser")
def receive() -> Response:
    """Receive a file as a stream: sealed piece by piece."""
    means = front()
    request.max_content_length = means.settings.web.max_upload_mb * 1024 * 1024
    form = read_form_stream(request.headers.get("Content-Type", ""), request.stream)
    form_token.require(form.fields.get(form_token.FIELD, ""))
    try:
        with unit() as work:
            receive_list(work, means.keys, means.settings, form.fields.get("name", ""), form.file_name, form.chunks)
    except CourtierError as refusal:
        with unit() as work:
            lists = list_lists(work)
        return page("suppression/index.html", refusal, lists=lists, form=form.fields)
    return redirect(url_for("suppression_lists.index", done="list_received"), 303)


@pages.post("/suppression-files/<code>/remove")
@for_roles("advertiser")
def remove(code: str) -> Response:
    """Take a file out of use."""
    with unit() as work:
        remove_list(work, code)
    return redirect(url_for("suppression_lists.index", done="list_removed"), 303)
