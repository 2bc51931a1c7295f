"""Seeds: control addresses put into each send, sealed as they arrive and never shown again."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import list_of, one_of, text
from api.work import front, unit
from broker.mailings.seeds import STYLES, add_seed_address, end_seed_address, list_seed_addresses

calls = Blueprint("seeds", __name__, description="Control addresses of the organisation")


class NewSeed(Schema):
    """An address of one's own; `house` needs none: the platform makes one for each mailing."""

    address = text(254, least=0, required=False, load_default="")
    style = one_of(*STYLES, required=False, load_default="plus")


class SeedSchema(Schema):
    """A sealed control address: its kind and when it was added are all that can be read."""

    code = fields.String(required=True)
    style = fields.String(required=True)
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
        add_seed_address(work, front().keys, body["address"], body["style"])
        return {"items": list_seed_addresses(work)}


@calls.route("/seeds/<code:code>", methods=["DELETE"])
@calls.response(204)
def end(code: str) -> None:
    """Put a control address into no mailing to come."""
    with unit() as work:
        end_seed_address(work, code)
