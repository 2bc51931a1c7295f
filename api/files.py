"""Files that workers write: ask for one, watch it, take it away, stop it or throw it away."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, one_of, page_of
from api.problems import MEDIA_TYPE, ProblemSchema
from api.work import actor, front, unit
from broker.billing.exports.export_files import (
    FORMATS,
    ask_file,
    drop_file,
    file_bytes,
    file_to_take,
    find_file,
    list_files,
    part_asked,
)

calls = Blueprint("files", __name__, description="Files of any length, written by workers")
_FORMATS = sorted({form for forms in FORMATS.values() for form in forms})


class FileSchema(Schema):
    """A file asked for. `rows_total` is null until they are counted; ready, it is kept until `keep_until`."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    format = fields.String(required=True)
    first = fields.Date(required=True, attribute="first_day")
    last = fields.Date(required=True, attribute="last_day")
    state = fields.String(
        required=True, metadata={"description": "waiting, writing, ready, failed, cancelled or expired"}
    )
    rows_total = fields.Integer(required=True, allow_none=True)
    rows_done = fields.Integer(required=True)
    name = fields.String(required=True)
    size = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    reason = fields.String(required=True)
    detail = fields.String(required=True)
    asked_at = fields.DateTime(required=True)
    ended_at = fields.DateTime(required=True, allow_none=True)
    keep_until = fields.DateTime(required=True, allow_none=True)


class NewFile(Schema):
    """What, in which format (the kind's usual one if left out), of which days, both included."""

    kind = one_of(*FORMATS)
    format = fields.String(load_default="", validate=validate.OneOf(("", *_FORMATS)))
    first = fields.Date(required=True)
    last = fields.Date(required=True)


@calls.route("/files", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(FileSchema))
def index(query: dict[str, Any]) -> Any:
    """The organisation's files, the newest first."""
    with unit() as work:
        return list_files(work, query["page"])


@calls.route("/files", methods=["POST"])
@calls.arguments(NewFile)
@calls.response(202, FileSchema)
def ask(body: dict[str, Any]) -> Any:
    """Ask a worker for a file."""
    with unit() as work:
        return ask_file(work, front().settings.books, body["kind"], body["format"], body["first"], body["last"])


@calls.route("/files/<code:code>", methods=["GET"])
@calls.response(200, FileSchema)
def show(code: str) -> Any:
    """How far it is."""
    with unit() as work:
        return find_file(work, code)


@calls.route("/files/<code:code>/content", methods=["GET"])
@calls.response(200, {"type": "string", "format": "binary"}, content_type="application/octet-stream")
@calls.alt_response(
    416, schema=ProblemSchema, content_type=MEDIA_TYPE, description="Behind the end: Content-Range says"
)
def content(code: str) -> Response:
    """Its bytes, streamed; a header `Range: bytes=N-` asks for the rest of a download that broke off (206)."""
    with unit() as work:
        file = file_to_take(work, code)
    asked = part_asked(file, request.headers.get("Range"), request.headers.get("If-Range"))
    stream = file_bytes(front().database, actor(), file, asked)
    return Response(stream, asked.status, asked.headers, content_type="application/octet-stream")


@calls.route("/files/<code:code>/drop", methods=["POST"])
@calls.response(200, FileSchema)
def drop(code: str) -> Any:
    """Stop its writing, or throw its bytes away."""
    with unit() as work:
        return drop_file(work, code)
