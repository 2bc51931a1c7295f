"""Files sent in pieces, looked at before they are imported, and what an owner said of its columns."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, get_args

from flask import request
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import LARGEST_INT, one_of, text
from api.readings import ReadingSchema
from api.work import front, unit
from broker.bases.discard_upload import discard_upload
from broker.bases.model import FileKind
from broker.bases.plan import preview_as_read, read_anew
from broker.bases.preview import ask_preview, find_upload, forget_mapping, remembered_mapping
from broker.bases.receive_parts import PieceDigest, append_upload, begin_upload
from broker.kernel.errors import InvalidInput

calls = Blueprint("uploads", __name__, description="Files in pieces, and what they seem to hold")
BLOCK = 256 * 1024
LARGEST_FILE = 2**50
DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


class PartedUploadSchema(Schema):
    """An upload: `size_bytes` of `whole_bytes` have arrived."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    file_name = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    whole_bytes = fields.Integer(allow_none=True)
    state = fields.String(required=True, metadata={"description": "receiving, received, destroyed"})


class NewPartedUpload(Schema):
    """A file to send in pieces."""

    kind = one_of(*get_args(FileKind))
    file_name = text(200)
    whole_bytes = fields.Integer(required=True, strict=True, validate=validate.Range(min=1, max=LARGEST_FILE))


class OffsetQuery(Schema):
    """Where the body's first byte belongs."""

    offset = fields.Integer(required=True, validate=validate.Range(min=0, max=LARGEST_FILE))


class KindQuery(Schema):
    """Of which files."""

    kind = one_of(*get_args(FileKind))


class PreviewSchema(Schema):
    """`ready` says whether a worker has looked; `columns` are in the file's order."""

    ready = fields.Boolean(required=True)
    problem = fields.String(allow_none=True)
    encoding = fields.String(allow_none=True)
    delimiter = fields.String(allow_none=True)
    month_first = fields.Boolean(allow_none=True)
    missing = fields.List(fields.String(), metadata={"description": "headers of earlier files that this one lacks"})
    columns = fields.List(fields.Dict(), metadata={
        "description": "header, field, why, type, found_type, samples (masked), filled (percent), refused,"
        " refused_for (category, where, found), remembered,"
        " fresh (earlier files lacked it), policy"
    })  # fmt: skip


class MappingSchema(Schema):
    """Header → field."""

    mapping = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


@calls.route("/bases/<code:base>/uploads/parts", methods=["POST"])
@calls.arguments(NewPartedUpload)
@calls.response(201, PartedUploadSchema)
def begin(body: dict[str, Any], base: str) -> Any:
    """Announce a file that comes in pieces."""
    means = front()
    with unit() as work:
        return begin_upload(work, means.settings, base, body["kind"], body["file_name"], body["whole_bytes"])


@calls.route("/uploads/<code:code>", methods=["GET"])
@calls.response(200, PartedUploadSchema)
def show(code: str) -> Any:
    """How much of a file has arrived: where to go on after a cut."""
    with unit() as work:
        return find_upload(work, code)


@calls.route("/uploads/<code:code>", methods=["PUT"])
@calls.doc(requestBody={
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    "description": "The bytes from `offset` on; each piece is sealed while it arrives.",
})  # fmt: skip
@calls.arguments(OffsetQuery, location="query")
@calls.response(200, PartedUploadSchema)
def append(query: dict[str, Any], code: str) -> Any:
    """Send the next piece, with its SHA-256 in `Content-Digest` if you like. What arrives before a cut is kept."""
    means = front()
    request.max_content_length = min(means.settings.web.max_upload_mb, LARGEST_INT) * 1024 * 1024
    chunks = iter(lambda: request.stream.read(BLOCK), b"")
    with unit() as work:
        return append_upload(work, means.keys, means.settings, code, query["offset"], chunks, piece_digest())


def piece_digest() -> PieceDigest | None:
    """What `Content-Digest: sha-256=:base64:` says of the body, if it says anything."""
    given = request.headers.get("Content-Digest")
    if given is None:
        return None
    found = DIGEST.search(given)
    try:
        digest = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        digest = b""
    if len(digest) != 32:
        raise InvalidInput("Content-Digest is written sha-256=:base64:.", code="bad_digest", field="Content-Digest")
    return PieceDigest(request.content_length or 0, digest)


@calls.route("/uploads/<code:code>", methods=["DELETE"])
@calls.response(204)
def discard(code: str) -> None:
    """Take a file back: what came of it is destroyed."""
    with unit() as work:
        discard_upload(work, front().settings, code)


@calls.route("/uploads/<code:code>/preview", methods=["POST"])
@calls.response(202, PartedUploadSchema)
def ask(code: str) -> Any:
    """Have a worker look at a received file."""
    with unit() as work:
        return ask_preview(work, code)


@calls.route("/uploads/<code:code>/reading", methods=["POST"])
@calls.arguments(ReadingSchema)
@calls.response(202, PartedUploadSchema)
def read_again(body: dict[str, Any], code: str) -> Any:
    """Have the file read with another encoding, separator or order of dates: its columns are proposed anew."""
    with unit() as work:
        read_anew(work, code, body)
        return find_upload(work, code)


@calls.route("/uploads/<code:code>/preview", methods=["GET"])
@calls.response(200, PreviewSchema)
def preview(code: str) -> dict[str, Any]:
    """What the columns seem to be, with masked samples; ask again until `ready`."""
    with unit() as work:
        seen = preview_as_read(work, code)
    return {"ready": seen is not None, **(seen or {})}


@calls.route("/bases/<code:base>/mapping", methods=["GET"])
@calls.arguments(KindQuery, location="query")
@calls.response(200, MappingSchema)
def mapping(query: dict[str, Any], base: str) -> dict[str, Any]:
    """What was said of columns in earlier imports."""
    with unit() as work:
        return {"mapping": remembered_mapping(work, base, query["kind"])}


@calls.route("/bases/<code:base>/mapping", methods=["DELETE"])
@calls.arguments(KindQuery, location="query")
@calls.response(204)
def forget(query: dict[str, Any], base: str) -> None:
    """Forget it."""
    with unit() as work:
        forget_mapping(work, base, query["kind"])
