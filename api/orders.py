"""Rental orders: quote, order, approve, pay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, code_field, one_of, page_of, text, whole
from api.work import front, unit
from broker.billing.gateway.collect import start_payment
from broker.mailings.withdraw import withdraw_order
from broker.rentals.approve import approve_order, refuse_order
from broker.rentals.find import find_order, list_orders
from broker.rentals.model import OrderState
from broker.rentals.place import place_order
from broker.rentals.quote import quote
from broker.rentals.terms import MOST_USES, Asked

calls = Blueprint("orders", __name__, description="Bookings of data cards")


class OrderSchema(Schema):
    """A booking. Terms never change once quoted."""

    code = fields.String(required=True)
    state = fields.String(required=True)
    advertiser = fields.String(attribute="advertiser_name", required=True)
    card = fields.String(attribute="card_code", required=True)
    card_title = fields.String(required=True)
    creative = fields.String(attribute="creative_code", allow_none=True)
    volume = fields.Integer(required=True)
    select_rule = fields.String(attribute="select_rule_text", required=True)
    size_shown = fields.Integer(required=True)
    price_micros = fields.Integer(required=True)
    net_cents = fields.Integer(required=True)
    vat_cents = fields.Integer(required=True)
    total_cents = fields.Integer(required=True)
    send_on = fields.Date(allow_none=True)
    valid_until = fields.DateTime(required=True)
    refusal = fields.String(allow_none=True)
    list_price_micros = fields.Integer(required=True)
    discount_bp = fields.Integer(required=True)
    uses = fields.Integer(required=True)
    use_until = fields.Date(allow_none=True)
    reuse_price_micros = fields.Integer(required=True)
    net_names = fields.Boolean(required=True)
    net_floor_bp = fields.Integer(required=True)
    run_micros = fields.Integer(required=True)
    shortfall = fields.String(required=True)
    tolerance_bp = fields.Integer(required=True)
    remedy = fields.String(allow_none=True)
    remail_of = fields.String(allow_none=True)
    remail_who = fields.String(allow_none=True)
    held_until = fields.DateTime(allow_none=True)


class AskedTerms(Schema):
    """Terms besides the volume; left out: one use, up to the volume, every mailed name paid."""

    uses = whole(1, MOST_USES, required=False, load_default=1)
    use_until = fields.Date(load_default=None, allow_none=True)
    net_names = fields.Boolean(load_default=False, truthy={True}, falsy={False})
    shortfall = one_of("up_to", "guaranteed", required=False, load_default="up_to")
    remedy = one_of("make_good", "credit", required=False, load_default="make_good")
    tolerance_bp = whole(0, 5_000, required=False, load_default=None, allow_none=True)


class NewQuote(AskedTerms):
    """What to quote: a round volume of a card, narrowed by its selects."""

    card = code_field()
    volume = whole(1)
    select_rule = text(5000, least=0, required=False, load_default="", allow_none=True)
    send_on = fields.Date(load_default=None, allow_none=True)


class OrderQuery(PageQuery):
    """Which orders."""

    state = fields.String(load_default="", validate=validate.OneOf(("", *get_args(OrderState))))


class Placing(Schema):
    """The signed creative of an order."""

    creative = code_field()


class ReadCreative(Schema):
    """The creative that was read: where the advertiser has put another in its place, nothing is approved."""

    creative = code_field(required=False, load_default="")


class Withdrawal(Schema):
    """Why, in words for the other side; none is needed."""

    reason = text(1000, least=0, required=False, load_default="")


class Refusal(Schema):
    """Why the owner refuses; the advertiser reads it."""

    reason = text(500)


class PaymentSchema(Schema):
    """A payment that was started. `checkout` is what the gateway's page needs; empty when the money is there."""

    code = fields.String(required=True)
    gateway = fields.String(required=True)
    state = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    checkout = fields.String(required=True)


def asked_terms(body: Mapping[str, Any]) -> Asked:
    """The terms of a request's body."""
    return Asked(**{name: body[name] for name in AskedTerms().fields})


@calls.route("/quotes", methods=["POST"])
@calls.arguments(NewQuote)
@calls.response(201, OrderSchema)
def ask_quote(body: dict[str, Any]) -> Any:
    """Price a volume of a card."""
    means = front()
    with unit() as work:
        return quote(
            work,
            means.audience,
            means.settings,
            body["card"],
            body["volume"],
            body["select_rule"] or "",
            body["send_on"],
            asked_terms(body),
        )


@calls.route("/orders", methods=["GET"])
@calls.arguments(OrderQuery, location="query")
@calls.response(200, page_of(OrderSchema))
def index(query: dict[str, Any]) -> Any:
    """The organisation's orders, newest first; of one state, if it is named."""
    with unit() as work:
        return list_orders(work, query["state"], query["page"])


@calls.route("/orders/<code:code>", methods=["GET"])
@calls.response(200, OrderSchema)
def show(code: str) -> Any:
    """One order."""
    with unit() as work:
        return find_order(work, code)


@calls.route("/orders/<code:code>/order", methods=["POST"])
@calls.arguments(Placing)
@calls.response(200, OrderSchema)
def place(body: dict[str, Any], code: str) -> Any:
    """Place a quote with a signed creative."""
    with unit() as work:
        return place_order(work, code, body["creative"], front().audience)


@calls.route("/orders/<code:code>/approve", methods=["POST"])
@calls.arguments(ReadCreative, location="query")
@calls.response(200, OrderSchema)
def approve(query: dict[str, Any], code: str) -> Any:
    """The owner accepts advertiser and creative."""
    with unit() as work:
        return approve_order(work, code, query["creative"])


@calls.route("/orders/<code:code>/refuse", methods=["POST"])
@calls.arguments(Refusal)
@calls.response(200, OrderSchema)
def refuse(body: dict[str, Any], code: str) -> Any:
    """The owner refuses, with a reason."""
    with unit() as work:
        return refuse_order(work, code, body["reason"])


@calls.route("/orders/<code:code>/cancel", methods=["POST"])
@calls.arguments(Withdrawal, required=False)
@calls.response(200, OrderSchema)
def cancel(body: dict[str, Any], code: str) -> Any:
    """Withdraw; from the planning of its mailing on, that is stopped with it: what has left is billed, what was paid
    for the rest is credited. The other side reads the reason."""
    with unit() as work:
        return withdraw_order(work, code, body["reason"])


@calls.route("/orders/<code:code>/pay", methods=["POST"])
@calls.response(201, PaymentSchema)
def pay(code: str) -> Any:
    """Start the prepayment at the gateway."""
    with unit() as work:
        return start_payment(work, front().settings, front().gateway(), code)
