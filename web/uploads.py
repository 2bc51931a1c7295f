"""A file received: in pieces by the page's script, or whole by a plain form; sealed as it comes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from flask import Blueprint, Response, jsonify, redirect, request, url_for
from werkzeug.wrappers import Response as Reply

from broker.bases.contract import require_contract
from broker.bases.discard_upload import discard_upload
from broker.bases.model import Upload
from broker.bases.preview import ask_preview, find_upload
from broker.bases.receive import receive_upload
from broker.bases.receive_parts import PieceDigest, append_upload, begin_upload
from broker.kernel.errors import CourtierError, InvalidInput
from web.http import form_token
from web.http.form_stream import read_form_stream
from web.http.refusals import sentence
from web.http.session import for_roles
from web.http.work import front, unit

pages = Blueprint("uploads", __name__)
LARGEST_PIECE = 64 << 20
BLOCK = 256 * 1024
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


@pages.post("/bases/<code>/uploads")
@for_roles("owner")
def receive(code: str) -> Reply:
    """Receive a whole file from a plain form, then look at its columns."""
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
        ask_preview(work, upload.code)
    return redirect(url_for("plans.show", code=upload.code), 303)


@pages.post("/bases/<code>/uploads/parts")
@for_roles("owner")
def begin(code: str) -> Response:
    """Announce a file that comes in pieces; for the page's script."""
    means = front()

    def announce() -> Upload:
        with unit() as work:
            if means.settings.trade.contract_required:
                require_contract(work, code)
            size = request.form.get("whole_bytes", 0, type=int)
            name, kind = request.form.get("file_name", ""), request.form.get("kind", "")
            return begin_upload(work, means.settings, code, kind, name, size)

    return answered(announce)


@pages.get("/uploads/<code>/state")
@for_roles("owner")
def state(code: str) -> Response:
    """How much has come: where the script goes on after a cut or a reload."""

    def look() -> Upload:
        with unit() as work:
            return find_upload(work, code)

    return answered(look)


@pages.put("/uploads/<code>/parts")
@for_roles("owner")
def append(code: str) -> Response:
    """The next piece; when it is the last, a worker looks at the columns."""
    means = front()
    request.max_content_length = LARGEST_PIECE
    chunks = iter(lambda: request.stream.read(BLOCK), b"")

    def take() -> Upload:
        with unit() as work:
            offset = request.args.get("offset", -1, type=int)
            upload = append_upload(work, means.keys, means.settings, code, offset, chunks, piece_digest())
            if upload.state == "received":
                ask_preview(work, code)
        return upload

    return answered(take)


@pages.post("/uploads/<code>/discard")
@for_roles("owner")
def discard(code: str) -> Reply:
    """Take a file back: what came of it is destroyed."""
    with unit() as work:
        base_code = find_upload(work, code).base_code
        discard_upload(work, front().settings, code)
    return redirect(url_for("imports.index", code=base_code, done="upload_discarded"), 303)


def answered(act: Callable[[], Upload]) -> Response:
    """The upload as JSON, or the refusal with its sentence in the page's language."""
    try:
        upload = act()
    except CourtierError as refusal:
        details = {key: value for key, value in refusal.details.items() if key == "size_bytes"}
        reply = jsonify(code=refusal.code, sentence=sentence(refusal), **details)
        reply.status_code = refusal.status
        return reply
    next_page = url_for("plans.show", code=upload.code)
    return jsonify(
        upload=upload.code, state=upload.state, size_bytes=upload.size_bytes, whole_bytes=upload.whole_bytes,
        page=next_page, at=url_for("uploads.append", code=upload.code), ask=url_for("uploads.state", code=upload.code),
        discard=url_for("uploads.discard", code=upload.code),
    )  # fmt: skip


def piece_digest() -> PieceDigest | None:
    """What `Content-Digest` says of the body, if it says anything."""
    given = request.headers.get("Content-Digest")
    if given is None:
        return None
    found = _DIGEST.search(given)
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise InvalidInput("Content-Digest is written sha-256=:base64:.", code="bad_digest")
    return PieceDigest(request.content_length or 0, digest)
