"""A file of contacts or purchases, received as a stream: sealed piece by piece, never whole and never in clear here."""

from __future__ import annotations

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response

from broker.bases.contract import require_contract
from broker.bases.receive import receive_upload
from broker.bases.start_import import start_import
from web.http import form_token
from web.http.form_stream import read_form_stream
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("uploads", __name__)


@pages.post("/bases/<code>/uploads")
@for_roles("owner")
def receive(code: str) -> Response:
    """Receive a file and start its import."""
    means = front()
    request.max_content_length = means.settings.web.max_upload_mb * 1024 * 1024
    form = read_form_stream(request.headers.get("Content-Type", ""), request.stream)
    form_token.require(form.fields.get(form_token.FIELD, ""))
    with unit() as work:
        if means.settings.trade.contract_required:
            require_contract(work, code)
        upload = receive_upload(
            work, means.keys, means.settings, code, form.fields.get("kind", ""), form.file_name, form.chunks
        )
        run = start_import(work, upload.code)
    return redirect(url_for("imports.show", code=run.code), 303)
