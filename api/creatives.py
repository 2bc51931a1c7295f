"""Creatives: the message, its checks and its signed proof."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import list_of, one_of, text
from api.work import unit
from broker.mailings.create_creative import create_creative, find_creative, list_creatives
from broker.mailings.sign_creative import sign_creative

calls = Blueprint("creatives", __name__, description="Messages")


class CreativeSchema(Schema):
    """A message with the report of its checks."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    subject = fields.String(required=True)
    from_name = fields.String(required=True)
    language = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "draft or signed"})
    report = fields.Dict(metadata={"description": "The keys of `courtier creative check`."})
    signed_at = fields.DateTime(allow_none=True)


class NewCreative(Schema):
    """A message to check and keep."""

    name = text(120)
    subject = text(200)
    from_name = text(100)
    language = one_of("fr", "en", required=False, load_default="fr")
    html = text(500_000)


@calls.route("/creatives", methods=["GET"])
@calls.response(200, list_of(CreativeSchema))
def index() -> dict[str, Any]:
    """The organisation's creatives."""
    with unit() as work:
        return {"items": list_creatives(work)}


@calls.route("/creatives", methods=["POST"])
@calls.arguments(NewCreative)
@calls.response(201, CreativeSchema)
def create(body: dict[str, Any]) -> Any:
    """Check and keep a message."""
    with unit() as work:
        return create_creative(work, body["name"], body["subject"], body["from_name"], body["language"], body["html"])


@calls.route("/creatives/<code:code>", methods=["GET"])
@calls.response(200, CreativeSchema)
def show(code: str) -> Any:
    """One creative."""
    with unit() as work:
        return find_creative(work, code)


@calls.route("/creatives/<code:code>/sign", methods=["POST"])
@calls.response(200, CreativeSchema)
def sign(code: str) -> Any:
    """Sign the proof (BAT): the content can no longer change."""
    with unit() as work:
        sign_creative(work, code)
        return find_creative(work, code)
