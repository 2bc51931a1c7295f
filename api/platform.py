"""The platform of electronic invoicing."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, page_of
from api.work import unit
from broker.billing.invoices.platform import list_documents

calls = Blueprint("platform", __name__, description="The platform of electronic invoicing")


class PlatformDocumentSchema(Schema):
    """A document at the platform of electronic invoicing."""

    code = fields.String(required=True)
    flow = fields.String(required=True)
    number = fields.String(required=True)
    supplier = fields.String(required=True)
    issued_on = fields.Date(required=True)
    total_cents = fields.Integer(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)


@calls.route("/platform/documents", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(PlatformDocumentSchema))
def platform(query: dict[str, Any]) -> Any:
    """What was deposited and received."""
    with unit() as work:
        return list_documents(work, "", query["page"])
