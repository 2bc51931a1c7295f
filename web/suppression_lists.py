"""An advertiser's suppression files: send one, see what became of it, take it out of use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import CourtierError
from broker.suppression.feed_model import STALE_DAYS
from broker.suppression.receive_list import list_lists, lists_to_doubt, receive_list, remove_list
from broker.suppression.subscribe import allowed_hosts, list_feeds
from web.http import form_token
from web.http.form_stream import read_form_stream
from web.http.refusals import page
from web.http.session import for_roles
from web.http.tables import asked_page
from web.http.work import front, unit

ON_PAGE = 20
pages = Blueprint("suppression_lists", __name__)


@pages.get("/suppression-files")
@for_roles("advertiser")
def index() -> str:
    """The files in use, waiting or failed."""
    with unit() as work:
        return render_template("suppression/index.html", refusal=None, **lists_page(work))


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
            return page("suppression/index.html", refusal, form=form.fields, **lists_page(work))
    return redirect(url_for("suppression_lists.index", done="list_received"), 303)


@pages.post("/suppression-files/<code>/remove")
@for_roles("advertiser")
def remove(code: str) -> Response:
    """Take a file out of use."""
    with unit() as work:
        remove_list(work, code)
    return redirect(url_for("suppression_lists.index", done="list_removed"), 303)


def lists_page(work: UnitOfWork) -> dict[str, Any]:
    """What the page shows: files that were sent and subscribed, the hosts of subscriptions, the day."""
    return {
        "lists": list_lists(work, asked_page(), ON_PAGE),
        "doubts": lists_to_doubt(work),
        "feeds": list_feeds(work),
        "hosts": allowed_hosts(work),
        "stale_before": work.now - timedelta(days=STALE_DAYS),
    }
