"""Documents that owners contest, and their corrections."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import LARGEST_INT, PageQuery, page_of, text, whole
from api.work import front, unit
from broker.billing.invoices.contests import (
    contest_invoice,
    list_contests,
    reject_contest,
    sign_correction,
    uphold_contest,
)

calls = Blueprint("contests", __name__, description="Contested documents")


class ContestSchema(Schema):
    """A contested document."""

    code = fields.String(required=True)
    owner = fields.String(required=True)
    number = fields.String(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True)
    net_cents = fields.Integer(required=True, allow_none=True)
    answer = fields.String(required=True)
    raised_at = fields.DateTime(required=True)
    credit = fields.String(required=True)
    document_kind = fields.String(required=True)
    left_cents = fields.Integer(required=True, metadata={"description": "Of the document, before VAT."})
    new_net_cents = fields.Integer(required=True, allow_none=True)
    replacement = fields.String(required=True)


class ContestReasonSchema(Schema):
    """What is wrong, or why it stands."""

    reason = text(2_000)


class Upheld(Schema):
    """By how much the owner is right, before VAT."""

    net_cents = whole(1)
    new_net_cents = fields.Integer(
        load_default=None,
        allow_none=True,
        strict=True,
        validate=validate.Range(1, LARGEST_INT),
        metadata={"description": "Take the document back whole, and issue a new one of this amount before VAT."},
    )
    answer = fields.String(load_default="", validate=validate.Length(max=2_000))


@calls.route("/contests", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(ContestSchema))
def contests(query: dict[str, Any]) -> Any:
    """Contested documents that the caller is a party of, those that wait first."""
    with unit() as work:
        return list_contests(work, query["page"])


@calls.route("/invoices/<number:number>/contest", methods=["POST"])
@calls.arguments(ContestReasonSchema)
@calls.response(201, ContestSchema)
def contest(body: dict[str, Any], number: str) -> Any:
    """Contest a document issued in one's name; it is not paid until this is answered."""
    with unit() as work:
        return contest_invoice(work, number, body["reason"])


@calls.route("/contests/<code:code>/reject", methods=["POST"])
@calls.arguments(ContestReasonSchema)
@calls.response(200, ContestSchema)
def reject(body: dict[str, Any], code: str) -> Any:
    """The document stands."""
    with unit() as work:
        return reject_contest(work, code, body["reason"])


@calls.route("/contests/<code:code>/uphold", methods=["POST"])
@calls.arguments(Upheld)
@calls.response(200, ContestSchema)
def uphold(body: dict[str, Any], code: str) -> Any:
    """The owner is right: a credit note is prepared for its signature, or issued, as the settings say."""
    with unit() as work:
        return uphold_contest(work, front().settings, code, body["net_cents"], body["answer"], body["new_net_cents"])


@calls.route("/contests/<code:code>/sign", methods=["POST"])
@calls.response(200, ContestSchema)
def sign(code: str) -> Any:
    """The owner signs the credit note that was prepared."""
    with unit() as work:
        return sign_correction(work, code)
