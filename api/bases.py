"""Bases, their partner lists, uploads and imports' start."""

from __future__ import annotations

from typing import Any, get_args

from flask import request
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import LARGEST_INT, code_field, list_of, one_of, storable, text
from api.imports import ImportSchema, with_pace
from api.readings import ReadingSchema
from api.work import front, unit
from broker.bases.create_base import create_base
from broker.bases.find_base import find_base, list_bases
from broker.bases.imports import list_imports
from broker.bases.model import FileKind
from broker.bases.publish_partner_list import PartnerName, publish_partner_list
from broker.bases.receive import receive_upload
from broker.bases.start_import import start_import

calls = Blueprint("bases", __name__, description="An owner's files of people")
BLOCK = 256 * 1024


class BaseSchema(Schema):
    """A base."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    sector = fields.String(allow_none=True)
    contact_kind = fields.String(required=True)
    partner_policy = fields.String(required=True)


class NewBase(Schema):
    """A base to create."""

    code = code_field()
    name = text(120)
    sector = text(60, required=False, load_default="other")
    contact_kind = one_of("b2c", "b2b", required=False, load_default="b2c")


class PartnerSchema(Schema):
    """A partner that people consent to: a name, and the organisation's code where it is an advertiser here."""

    name = text(200)
    advertiser = code_field(required=False, allow_none=True, load_default=None)
    sector = text(60, required=False, allow_none=True, load_default=None)


class NewPartnerList(Schema):
    """The whole new version of a list."""

    partners = fields.List(fields.Nested(PartnerSchema), required=True, validate=lambda partners: len(partners) <= 5000)


class PartnerListSchema(Schema):
    """What was published."""

    version = fields.Integer(required=True)


class UploadQuery(Schema):
    """What the body is."""

    kind = one_of(*get_args(FileKind))
    file_name = text(200)


class UploadSchema(Schema):
    """A received file, sealed."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    file_name = fields.String(required=True)
    size_bytes = fields.Integer(required=True)
    state = fields.String(required=True)


class NewImport(Schema):
    """An import to start; `mapping` corrects what the columns were taken for: `{"Mél": "email"}`; `policies` say how
    a known contact's fields are renewed: `{"phone": "keep"}`.
    """

    upload = code_field()
    mapping = fields.Dict(
        keys=fields.String(validate=storable),
        values=fields.String(validate=storable),
        load_default=None,
        allow_none=True,
    )
    policies = fields.Dict(
        keys=fields.String(validate=storable),
        values=fields.String(validate=storable),
        load_default=None,
        allow_none=True,
    )
    reading = fields.Nested(ReadingSchema, load_default=None, allow_none=True)
    enriches = fields.Boolean(
        load_default=False,
        metadata={"description": "only contacts that the base has are taken; others are rejected and reported"},
    )


@calls.route("/bases", methods=["GET"])
@calls.response(200, list_of(BaseSchema))
def index() -> dict[str, Any]:
    """The owner's bases."""
    with unit() as work:
        return {"items": list_bases(work)}


@calls.route("/bases", methods=["POST"])
@calls.arguments(NewBase)
@calls.response(201, BaseSchema)
def create(body: dict[str, Any]) -> Any:
    """Create a base."""
    with unit() as work:
        return create_base(work, body["code"], body["name"], body["sector"], body["contact_kind"])


@calls.route("/bases/<code:base>", methods=["GET"])
@calls.response(200, BaseSchema)
def show(base: str) -> Any:
    """One base."""
    with unit() as work:
        return find_base(work, base)


@calls.route("/bases/<code:base>/partner-lists", methods=["POST"])
@calls.arguments(NewPartnerList)
@calls.response(201, PartnerListSchema)
def publish_partners(body: dict[str, Any], base: str) -> dict[str, int]:
    """Publish a new version of the public partner list."""
    partners = [PartnerName(row["name"], row["advertiser"], row["sector"]) for row in body["partners"]]
    with unit() as work:
        return {"version": publish_partner_list(work, base, partners)}


@calls.route("/bases/<code:base>/uploads", methods=["POST"])
@calls.doc(requestBody={
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    "description": "The file itself, sent as a stream; it is sealed while it arrives.",
})  # fmt: skip
@calls.arguments(UploadQuery, location="query")
@calls.response(201, UploadSchema)
def upload(query: dict[str, Any], base: str) -> Any:
    """Send a file of contacts or purchases."""
    means = front()
    request.max_content_length = min(means.settings.web.max_upload_mb, LARGEST_INT) * 1024 * 1024
    chunks = iter(lambda: request.stream.read(BLOCK), b"")
    with unit() as work:
        return receive_upload(work, means.keys, means.settings, base, query["kind"], query["file_name"], chunks)


@calls.route("/bases/<code:base>/imports", methods=["POST"])
@calls.arguments(NewImport)
@calls.response(201, ImportSchema)
def start(body: dict[str, Any], base: str) -> Any:
    """Start the import of an uploaded file."""
    with unit() as work:
        find_base(work, base)
        run = start_import(
            work, body["upload"], body["mapping"], body["policies"],
            reading=body["reading"], contract_required=front().settings.trade.contract_required,
            enriches=body["enriches"],
        )  # fmt: skip
        return with_pace(run, work.now)


@calls.route("/bases/<code:base>/imports", methods=["GET"])
@calls.response(200, list_of(ImportSchema))
def history(base: str) -> dict[str, Any]:
    """The base's imports, the newest first."""
    with unit() as work:
        return {"items": [with_pace(run, work.now) for run in list_imports(work, base)]}
