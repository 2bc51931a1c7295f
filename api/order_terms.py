"""Commercial terms of orders: what is free, options, credit, further uses, re-mails, forecasts."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import list_of, one_of, whole
from api.orders import OrderSchema
from api.work import front, unit
from broker.kernel.errors import NotFound
from broker.rentals.availability import find_availability, take_option
from broker.rentals.credit import MOST_CENTS, find_credit, order_on_credit, set_credit_limit
from broker.rentals.find import find_order
from broker.rentals.forecast import forecast_order
from broker.rentals.remail import WHO, find_reached, quote_remail
from broker.rentals.uses import give_up_use, list_uses, plan_use

calls = Blueprint("order_terms", __name__, description="Terms of orders: availability, credit, uses, re-mails")


class AvailabilitySchema(Schema):
    """What is free on the order's day, guarded (0: fewer than may be shown), besides what the order itself holds."""

    send_on = fields.Date(required=True)
    volume = fields.Integer(required=True)
    free = fields.Integer(required=True)
    held = fields.String(required=True)
    held_until = fields.DateTime(allow_none=True)


class CreditSchema(Schema):
    """Credit terms in cents, VAT included. Nothing goes on credit before a first order was prepaid."""

    limit_cents = fields.Integer(required=True)
    used_cents = fields.Integer(required=True)
    left_cents = fields.Integer(required=True)
    prepaid = fields.Boolean(required=True)
    set_at = fields.DateTime(allow_none=True)


class CreditLimit(Schema):
    """How far an advertiser may order before it pays."""

    limit_cents = whole(0, MOST_CENTS)


class OrderUseSchema(Schema):
    """A further use of an order: of a licence (use), or names made good for nothing (make_good)."""

    kind = fields.String(required=True)
    volume = fields.Integer(required=True)
    price_micros = fields.Integer(required=True)
    use_until = fields.Date(required=True)
    send_on = fields.Date(allow_none=True)
    stops = fields.Integer(
        required=True, metadata={"description": "Stopped by its advertiser before it left; the third gives it up."}
    )
    mailing = fields.String(allow_none=True)
    state = fields.String(required=True)


class UseDay(Schema):
    """The day of the next use."""

    send_on = fields.Date(required=True)


class ClickForecastSchema(Schema):
    """What one use is likely to bring: eight times in ten between low and high."""

    clicks = fields.Integer(required=True)
    low = fields.Integer(required=True)
    high = fields.Integer(required=True)
    rate_bp = fields.Integer(required=True)
    basis = fields.String(required=True)
    mailings = fields.Integer(required=True)
    click_cents = fields.Integer(allow_none=True)
    owner_cents = fields.Integer(allow_none=True)


class ReachedSchema(Schema):
    """How many may be written to again, in round numbers; 0: too few."""

    clickers = fields.Integer(required=True)
    non_clickers = fields.Integer(required=True)


class NewRemail(Schema):
    """Whom to write to again; without a volume all of them."""

    who = one_of(*WHO)
    volume = whole(1, required=False, load_default=None, allow_none=True)
    send_on = fields.Date(load_default=None, allow_none=True)


@calls.route("/orders/<code:code>/availability", methods=["GET"])
@calls.response(200, AvailabilitySchema)
def availability(code: str) -> Any:
    """What is free of the order's audience on its day."""
    with unit() as work:
        return find_availability(work, front().audience, code)


@calls.route("/orders/<code:code>/option", methods=["POST"])
@calls.response(200, OrderSchema)
def option(code: str) -> Any:
    """Hold a quote's contacts on its day for a few days."""
    means = front()
    with unit() as work:
        return take_option(work, means.audience, means.settings, code)


@calls.route("/orders/<code:code>/credit", methods=["POST"])
@calls.response(200, OrderSchema)
def on_credit(code: str) -> Any:
    """Put an approved order on credit; its mailing is then planned."""
    with unit() as work:
        return order_on_credit(work, code)


@calls.route("/credit", methods=["GET"])
@calls.response(200, CreditSchema)
def own_credit() -> Any:
    """The acting advertiser's credit terms."""
    with unit() as work:
        return find_credit(work)


@calls.route("/advertisers/<code:code>/credit", methods=["GET"])
@calls.response(200, CreditSchema)
def credit_of(code: str) -> Any:
    """An advertiser's credit terms, for broker and accountant."""
    with unit() as work:
        return find_credit(work, code)


@calls.route("/advertisers/<code:code>/credit", methods=["PUT"])
@calls.arguments(CreditLimit)
@calls.response(200, CreditSchema)
def set_credit(body: dict[str, Any], code: str) -> Any:
    """Set an advertiser's credit limit; 0 ends its terms for new orders. The broker alone."""
    with unit() as work:
        return set_credit_limit(work, code, body["limit_cents"])


@calls.route("/orders/<code:code>/uses", methods=["GET"])
@calls.response(200, list_of(OrderUseSchema))
def uses(code: str) -> Any:
    """The further uses of an order, the oldest first."""
    with unit() as work:
        return {"items": list_uses(work, find_order(work, code))}


@calls.route("/orders/<code:code>/uses", methods=["POST"])
@calls.arguments(UseDay)
@calls.response(200, OrderSchema)
def next_use(body: dict[str, Any], code: str) -> Any:
    """Choose the day of the next use, names made good first."""
    with unit() as work:
        return plan_use(work, code, body["send_on"])


@calls.route("/orders/<code:code>/uses/next", methods=["DELETE"])
@calls.response(200, OrderSchema)
def drop_use(code: str) -> Any:
    """Give up the next use; what was prepaid for it is credited."""
    with unit() as work:
        return give_up_use(work, code)


@calls.route("/orders/<code:code>/forecast", methods=["GET"])
@calls.response(200, ClickForecastSchema)
def forecast(code: str) -> Any:
    """The clicks that past mailings let expect; 404 where too few of several advertisers stand behind it."""
    with unit() as work:
        found = forecast_order(work, find_order(work, code))
    if found is None:
        raise NotFound("Too few mailings of this kind were sent for a forecast.", code="no_forecast")
    return found


@calls.route("/mailings/<code:code>/reached", methods=["GET"])
@calls.response(200, ReachedSchema)
def reached(code: str) -> Any:
    """How many people of a sent mailing may be written to again."""
    with unit() as work:
        return find_reached(work, front().settings.disclosure, code)


@calls.route("/mailings/<code:code>/remail", methods=["POST"])
@calls.arguments(NewRemail)
@calls.response(201, OrderSchema)
def remail(body: dict[str, Any], code: str) -> Any:
    """Quote a re-mail to those who clicked, or did not, at the re-use rate."""
    with unit() as work:
        return quote_remail(work, front().settings, code, body["who"], body["volume"], body["send_on"])
