"""Seeds: control addresses put into each send, sealed as they arrive and never shown again."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import list_of, text
from api.work import front, unit
from broker.mailings.seeds import add_seed_address, list_seed_addresses

calls = Blueprint("seeds", __name__, description="Control addresses of the organisation")


class NewSeed(Schema):
    """An address of one's own."""

    address = text(254)


class SeedSchema(Schema):
    """A sealed control address: when it was added is all that can be read."""

    created_at = fields.DateTime(required=True)


@calls.route("/seeds", methods=["GET"])
@calls.response(200, list_of(SeedSchema))
def index() -> dict[str, Any]:
    """The organisation's control addresses."""
    with unit() as work:
        return {"items": list_seed_addresses(work)}


@calls.route("/seeds", methods=["POST"])
@calls.arguments(NewSeed)
@calls.response(201, list_of(SeedSchema))
def create(body: dict[str, Any]) -> dict[str, Any]:
    """Add a control address; every later mailing that concerns the organisation reaches it, unpriced."""
    with unit() as work:
        add_seed_address(work, front().keys, body["address"])
        return {"items": list_seed_addresses(work)}
