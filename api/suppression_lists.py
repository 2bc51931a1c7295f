"""An advertiser's suppression files: its customers and opt-outs, in clear or as MD5 or SHA-256."""

from __future__ import annotations

from typing import Any

from flask import request
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import LARGEST_INT, PageQuery, page_of, text
from api.work import front, unit
from broker.suppression.receive_list import find_list, list_lists, receive_list, remove_list

BLOCK = 256 * 1024
calls = Blueprint("suppression_lists", __name__, description="Whom an advertiser does not want to mail")


class SuppressionListSchema(Schema):
    """A file. `few_match`: hardly anybody of its entries is a contact; probably it is hashed in another way."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    file_name = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    state = fields.String(required=True)
    kind = fields.String(required=True, allow_none=True)
    entries = fields.Integer(required=True)
    unread = fields.Integer(required=True)
    few_match = fields.Boolean(required=True, allow_none=True)
    problem = fields.String(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)


class ListQuery(Schema):
    """What to call the file."""

    name = text(120)
    file_name = text(200, required=False, load_default="suppression.csv")


@calls.route("/suppression-lists", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(SuppressionListSchema))
def index(query: dict[str, Any]) -> Any:
    """The files in use, those waiting for a worker, those that failed; the newest first."""
    with unit() as work:
        return list_lists(work, query["page"])


@calls.route("/suppression-lists", methods=["POST"])
@calls.doc(requestBody={
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    "description": "One address or hash a line (the first of a CSV line is read), sealed while it arrives.",
})  # fmt: skip
@calls.arguments(ListQuery, location="query")
@calls.response(201, SuppressionListSchema)
def receive(query: dict[str, Any]) -> Any:
    """Send a file. A worker keys it and destroys what was received; from then on it is out of counts and sends."""
    means = front()
    request.max_content_length = min(means.settings.web.max_upload_mb, LARGEST_INT) * 1024 * 1024
    chunks = iter(lambda: request.stream.read(BLOCK), b"")
    with unit() as work:
        return receive_list(work, means.keys, means.settings, query["name"], query["file_name"], chunks)


@calls.route("/suppression-lists/<code:code>", methods=["GET"])
@calls.response(200, SuppressionListSchema)
def show(code: str) -> Any:
    """One file."""
    with unit() as work:
        return find_list(work, code)


@calls.route("/suppression-lists/<code:code>/remove", methods=["POST"])
@calls.response(200, SuppressionListSchema)
def remove(code: str) -> Any:
    """Take a file out of use; what was keyed of it is forgotten."""
    with unit() as work:
        remove_list(work, code)
        return find_list(work, code)
