"""The ledger's entries."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, page_of
from api.work import unit
from broker.ledger.read import list_entries

calls = Blueprint("ledger", __name__, description="Double entry")


class PostingSchema(Schema):
    """One side of an entry."""

    account = fields.String(required=True)
    debit_cents = fields.Integer(required=True)
    credit_cents = fields.Integer(required=True)


class EntrySchema(Schema):
    """A validated entry; it is never changed, only reversed."""

    number = fields.Integer(required=True)
    journal = fields.String(required=True)
    day = fields.Date(required=True)
    piece_ref = fields.String(required=True)
    label = fields.String(required=True)
    currency = fields.String()
    postings = fields.List(fields.Nested(PostingSchema), attribute="lines", required=True)


@calls.route("/ledger/entries", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(EntrySchema))
def entries(query: dict[str, Any]) -> Any:
    """Entries, newest first; for accountant and broker."""
    with unit() as work:
        return list_entries(work, query["page"])
