"""Invoices, deposits and self-bills, with their PDF."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, page_of
from api.work import unit
from broker.billing.invoices.find_invoice import find_invoice, invoice_file, list_invoices

calls = Blueprint("invoices", __name__, description="Documents of account")


class InvoiceSchema(Schema):
    """A document of account, in whole cents."""

    number = fields.String(required=True)
    kind = fields.String(required=True)
    type_code = fields.Integer(required=True)
    seller = fields.String(attribute="seller_name")
    buyer = fields.String(attribute="buyer_name")
    issued_on = fields.Date(required=True)
    due_on = fields.Date(required=True)
    net_cents = fields.Integer(required=True)
    vat_cents = fields.Integer(required=True)
    total_cents = fields.Integer(required=True)
    deposit_cents = fields.Integer(required=True)
    currency = fields.String(required=True)
    role = fields.String(required=True, metadata={"description": "principal, agent_of_owner or agent_of_advertiser"})


class InvoiceLineSchema(Schema):
    """A line: where its figure comes from."""

    mailing = fields.String(attribute="mailing_code", allow_none=True)
    label = fields.String(required=True)
    quantity = fields.Integer(required=True)
    amount_micros = fields.Integer(required=True)
    net_cents = fields.Integer(required=True)


class FullInvoiceSchema(InvoiceSchema):
    """A document with its lines."""

    lines = fields.List(fields.Nested(InvoiceLineSchema), required=True)


@calls.route("/invoices", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(InvoiceSchema))
def index(query: dict[str, Any]) -> Any:
    """The organisation's documents, newest first."""
    with unit() as work:
        return list_invoices(work, page=query["page"])


@calls.route("/invoices/<number:number>", methods=["GET"])
@calls.response(200, FullInvoiceSchema)
def show(number: str) -> Any:
    """One document with its lines."""
    with unit() as work:
        return find_invoice(work, number)


@calls.route("/invoices/<number:number>.pdf", methods=["GET"])
@calls.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
def pdf(number: str) -> Response:
    """The document as PDF."""
    with unit() as work:
        content = invoice_file(work, number)
    return Response(content, mimetype="application/pdf")
