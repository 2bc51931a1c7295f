"""Private offers: an owner invites one advertiser to a programme that nobody else sees."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, code_field, one_of, page_of, text, whole
from api.programmes import ProgrammeSchema
from api.work import front, unit
from broker.affiliation.private_offers import (
    accept_offer,
    find_offer,
    list_offers,
    make_offer,
    refuse_offer,
    withdraw_offer,
)
from broker.catalogue.offer_model import MODELS

calls = Blueprint("private_offers", __name__, description="Private offers")


class PrivateOfferSchema(Schema):
    """An owner's offer to one advertiser."""

    code = fields.String(required=True)
    owner_name = fields.String(required=True)
    advertiser_name = fields.String(required=True)
    base = fields.String(attribute="base_code", required=True, allow_none=True)
    title = fields.String(required=True)
    message = fields.String(required=True)
    sector = fields.String(required=True)
    terms = fields.Dict(required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    programme = fields.String(attribute="programme_code", required=True, allow_none=True)


class NewOffer(Schema):
    """The advertiser by its code, the base, and one price: `cpm_cents`, `rate_cents` or `rate_bp`."""

    advertiser = code_field()
    base = code_field()
    title = text(120)
    message = text(2000, least=0, required=False, load_default="")
    sector = text(60)
    model = one_of(*MODELS)
    cpm_cents = whole(0, 10_000_000, required=False, load_default=0)
    rate_cents = whole(1, 10_000_000, required=False, load_default=None, allow_none=True)
    rate_bp = whole(1, 10_000, required=False, load_default=None, allow_none=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)


class Accepting(Schema):
    """The advertiser's signed creative and its budget."""

    creative = code_field()
    budget_cents = whole(1)


class Refusing(Schema):
    """Why: the owner reads it."""

    reason = text(500)


@calls.route("/private-offers", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(PrivateOfferSchema))
def index(query: dict[str, Any]) -> Any:
    """Offers made or received."""
    with unit() as work:
        return list_offers(work, query["page"])


@calls.route("/private-offers", methods=["POST"])
@calls.arguments(NewOffer)
@calls.response(201, PrivateOfferSchema)
def make(body: dict[str, Any]) -> Any:
    """Invite an advertiser."""
    rates = {name: body[name] for name in ("model", "cpm_cents", "rate_cents", "rate_bp") if body[name]}
    with unit() as work:
        return make_offer(
            work,
            body["advertiser"],
            body["base"],
            body["title"],
            body["message"],
            body["sector"],
            rates,
            body["starts_on"],
            body["ends_on"],
        )


@calls.route("/private-offers/<code:code>", methods=["GET"])
@calls.response(200, PrivateOfferSchema)
def show(code: str) -> Any:
    """One offer."""
    with unit() as work:
        return find_offer(work, code)


@calls.route("/private-offers/<code:code>/accept", methods=["POST"])
@calls.arguments(Accepting)
@calls.response(201, ProgrammeSchema)
def accept(body: dict[str, Any], code: str) -> Any:
    """Accept: a private programme opens, and the base takes part."""
    means = front()
    with unit() as work:
        return accept_offer(
            work,
            code,
            body["creative"],
            body["budget_cents"],
            commission_bp=means.settings.trade.commission_bp,
            postback_key=means.keys.token_version,
        )


@calls.route("/private-offers/<code:code>/refuse", methods=["POST"])
@calls.arguments(Refusing)
@calls.response(200, PrivateOfferSchema)
def refuse(body: dict[str, Any], code: str) -> Any:
    """Refuse, with the reason."""
    with unit() as work:
        return refuse_offer(work, code, body["reason"])


@calls.route("/private-offers/<code:code>/withdraw", methods=["POST"])
@calls.response(200, PrivateOfferSchema)
def withdraw(code: str) -> Any:
    """Take an unanswered offer back."""
    with unit() as work:
        return withdraw_offer(work, code)
