"""Programmes: open offers of advertisers that bases of any size may join."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import SearchQuery, code_field, one_of, page_of, storable, text, whole
from api.participations import ParticipationSchema
from api.work import front, unit
from broker.affiliation.join import join_programme
from broker.catalogue.match_offers import browse_offers
from broker.catalogue.offer_model import CHANNELS, JOINING, MODELS, Offer, Wishes
from broker.catalogue.offers_store import OfferSearch
from broker.catalogue.programmes import browse_programmes, create_programme, find_programme

calls = Blueprint("programmes", __name__, description="Affiliate offers")


class ProgrammeSchema(Schema):
    """An offer: how it is paid, its caps and terms."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    sector = fields.String(required=True)
    model = fields.String(required=True)
    price_micros = fields.Integer(required=True)
    budget_cents = fields.Integer(required=True)
    creative = fields.String(attribute="creative_code")
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    state = fields.String(required=True)
    channel = fields.String(required=True)
    rate_cents = fields.Integer(required=True, allow_none=True)
    rate_bp = fields.Integer(required=True, allow_none=True, metadata={"description": "Of a sale, in ten thousand."})
    most_names = fields.Integer(required=True, allow_none=True)
    owner_cap_cents = fields.Integer(required=True, allow_none=True)
    validation_days = fields.Integer(required=True)
    wishes = fields.Dict(required=True)
    terms = fields.String(required=True)
    terms_version = fields.Integer(required=True)
    joining = fields.String(required=True)
    attribution_days = fields.Integer(required=True)
    report_days = fields.Integer(required=True)
    day_cap_cents = fields.Integer(required=True, allow_none=True)
    click_cents = fields.Integer(required=True, allow_none=True, metadata={"description": "Beside the model's rate."})
    lead_cents = fields.Integer(required=True, allow_none=True)
    sale_cents = fields.Integer(required=True, allow_none=True)
    sale_bp = fields.Integer(required=True, allow_none=True)
    private = fields.Boolean(required=True)


class MatchSchema(Schema):
    """How an offer fits a base: of 100, 70 for the share of the base wished for, 30 for the sector."""

    score = fields.Integer(required=True)
    reach = fields.Float(required=True)
    sector_fits = fields.Boolean(required=True)


class ProgrammeRevenueSchema(Schema):
    """Cents for a thousand mails after the commission; `low` to `high` hold four times in five. Unknown: zeros."""

    known = fields.Boolean(required=True)
    expected = fields.Integer(required=True)
    low = fields.Integer(required=True)
    high = fields.Integer(required=True)
    mails = fields.Integer(required=True, metadata={"description": "Mails of one's own it was learned from."})


class MatchedSchema(Schema):
    """An offer beside one of the owner's bases."""

    programme = fields.Nested(ProgrammeSchema, required=True)
    match = fields.Nested(MatchSchema, required=True, allow_none=True)
    revenue = fields.Nested(ProgrammeRevenueSchema, required=True, allow_none=True)


class WishesSchema(Schema):
    """Whom the offer is for; empty: whoever."""

    genders = fields.List(one_of("F", "M"), load_default=list, validate=validate.Length(max=2))
    ages = fields.List(whole(0, 130), load_default=None, allow_none=True, validate=validate.Length(equal=2))
    regions = fields.List(text(60), load_default=list, validate=validate.Length(max=20))
    sectors = fields.List(text(60), load_default=list, validate=validate.Length(max=50))


class NewProgramme(Schema):
    """An offer to open."""

    title = text(120)
    description = text(2000, least=0, required=False, load_default="")
    sector = text(60)
    model = one_of(*MODELS, required=False, load_default="cpm")
    channel = one_of(*CHANNELS, required=False, load_default="email")
    cpm_cents = whole(0, 10_000_000, required=False, load_default=0)
    rate_cents = whole(1, 10_000_000, required=False, load_default=None, allow_none=True)
    rate_bp = whole(1, 10_000, required=False, load_default=None, allow_none=True)
    most_names = whole(1, required=False, load_default=None, allow_none=True)
    owner_cap_cents = whole(1, required=False, load_default=None, allow_none=True)
    validation_days = whole(0, 67, required=False, load_default=30)
    wishes = fields.Nested(WishesSchema, load_default=dict)
    terms = text(5000, least=0, required=False, load_default="")
    joining = one_of(*JOINING, required=False, load_default="open")
    day_cap_cents = whole(1, required=False, load_default=None, allow_none=True)
    attribution_days = whole(1, 90, required=False, load_default=30)
    report_days = whole(1, 60, required=False, load_default=7)
    click_cents = whole(1, 10_000_000, required=False, load_default=None, allow_none=True)
    lead_cents = whole(1, 10_000_000, required=False, load_default=None, allow_none=True)
    sale_cents = whole(1, 10_000_000, required=False, load_default=None, allow_none=True)
    sale_bp = whole(1, 10_000, required=False, load_default=None, allow_none=True)
    budget_cents = whole(1)
    creative = code_field()
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)


class ProgrammeQuery(SearchQuery):
    """Words, sector and page."""

    sector = fields.String(load_default="", validate=[validate.Length(max=60), storable])


class MatchQuery(ProgrammeQuery):
    """The base to be matched, and filters."""

    base = code_field()
    model = one_of("", *MODELS, required=False, load_default="")
    channel = one_of("", *CHANNELS, required=False, load_default="")


class Joining(Schema):
    """The base that joins, and the version of the terms that was read."""

    base = code_field()
    terms_version = whole(1, required=False, load_default=None, allow_none=True)


@calls.route("/programmes", methods=["GET"])
@calls.arguments(ProgrammeQuery, location="query")
@calls.response(200, page_of(ProgrammeSchema))
def index(query: dict[str, Any]) -> Any:
    """Browse open programmes; an advertiser sees its own."""
    with unit() as work:
        return browse_programmes(work, query["q"], query["sector"], query["page"])


@calls.route("/programmes", methods=["POST"])
@calls.arguments(NewProgramme)
@calls.response(201, ProgrammeSchema)
def create(body: dict[str, Any]) -> Any:
    """Open a programme."""
    with unit() as work:
        return create_programme(
            work,
            title=body["title"],
            description=body["description"],
            sector=body["sector"],
            cpm_cents=body["cpm_cents"],
            budget_cents=body["budget_cents"],
            creative_code=body["creative"],
            starts_on=body["starts_on"],
            ends_on=body["ends_on"],
            commission_bp=front().settings.trade.commission_bp,
            offer=_offer(body),
            postback_key=front().keys.token_version,
        )


@calls.route("/programmes/matched", methods=["GET"])
@calls.arguments(MatchQuery, location="query")
@calls.response(200, page_of(MatchedSchema))
def matched(query: dict[str, Any]) -> Any:
    """Open offers for an owner: those that fit the base best first, with what a thousand mails may bring."""
    asked = OfferSearch(query["q"], query["sector"], query["model"], query["channel"])
    with unit() as work:
        return browse_offers(work, front().audience, asked, query["base"], page=query["page"])


@calls.route("/programmes/<code:code>", methods=["GET"])
@calls.response(200, ProgrammeSchema)
def show(code: str) -> Any:
    """One programme."""
    with unit() as work:
        return find_programme(work, code)


@calls.route("/programmes/<code:code>/join", methods=["POST"])
@calls.arguments(Joining)
@calls.response(201, ParticipationSchema)
def join(body: dict[str, Any], code: str) -> Any:
    """Join with a base. Nothing leaves until a send is picked."""
    with unit() as work:
        return join_programme(work, code, body["base"], terms_version=body["terms_version"])


def _offer(body: dict[str, Any]) -> Offer:
    wishes = body["wishes"]
    ages = wishes.get("ages")
    return Offer(
        model=body["model"],
        channel=body["channel"],
        rate_cents=body["rate_cents"],
        rate_bp=body["rate_bp"],
        most_names=body["most_names"],
        owner_cap_cents=body["owner_cap_cents"],
        validation_days=body["validation_days"],
        terms=body["terms"],
        joining=body["joining"],
        day_cap_cents=body["day_cap_cents"],
        attribution_days=body["attribution_days"],
        report_days=body["report_days"],
        click_cents=body["click_cents"],
        lead_cents=body["lead_cents"],
        sale_cents=body["sale_cents"],
        sale_bp=body["sale_bp"],
        wishes=Wishes(
            tuple(wishes.get("genders", ())),
            None if ages is None else (ages[0], ages[1]),
            tuple(wishes.get("regions", ())),
            tuple(wishes.get("sectors", ())),
        ),
    )
