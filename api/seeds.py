"""Seeds: control addresses put into each send, sealed as they arrive and never shown again."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import list_of, one_of, text
from api.work import front, unit
from broker.feedback.watch_seeds import drop_mailbox, list_arrivals, set_mailbox
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


class NewMailbox(Schema):
    """Where a control address's mail is looked for, by IMAP; the log-in is sealed for the workers as it arrives."""

    host = text(253)
    port = fields.Integer(load_default=993, validate=validate.Range(1, 65_535))
    tls = fields.Boolean(load_default=True)
    user = text(254)
    password = text(1_000)


class ArrivalSchema(Schema):
    """A control mail: when it was sent, came, and into which folder (inbox, junk, a name; none where forwarded)."""

    mailing = fields.String(required=True)
    seed = fields.String(required=True)
    sent_at = fields.DateTime(required=True)
    arrived_at = fields.DateTime(required=True, allow_none=True)
    folder = fields.String(required=True, allow_none=True)


@calls.route("/seeds/arrivals", methods=["GET"])
@calls.response(200, list_of(ArrivalSchema))
def show_arrivals() -> dict[str, Any]:
    """Control mails, newest first; the broker reads everybody's."""
    with unit() as work:
        return {"items": list_arrivals(work)}


@calls.route("/seeds/<code:code>/mailbox", methods=["PUT"])
@calls.arguments(NewMailbox)
@calls.response(204)
def give_mailbox(body: dict[str, Any], code: str) -> None:
    """Let workers look into the mailbox of a control address."""
    with unit() as work:
        set_mailbox(work, front().keys, code, **body)


@calls.route("/seeds/<code:code>/mailbox", methods=["DELETE"])
@calls.response(204)
def forget_mailbox(code: str) -> None:
    """Forget its log-in."""
    with unit() as work:
        drop_mailbox(work, code)


@calls.route("/seeds/<code:code>", methods=["DELETE"])
@calls.response(204)
def end(code: str) -> None:
    """Put a control address into no mailing to come."""
    with unit() as work:
        end_seed_address(work, code)
