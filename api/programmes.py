"""Programmes: open offers of advertisers that bases of any size may join."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import SearchQuery, code_field, page_of, storable, text, whole
from api.participations import ParticipationSchema
from api.work import front, unit
from broker.affiliation.join import join_programme
from broker.catalogue.programmes import browse_programmes, create_programme, find_programme

calls = Blueprint("programmes", __name__, description="Affiliate offers")


class ProgrammeSchema(Schema):
    """An offer, paid per thousand sends."""

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


class NewProgramme(Schema):
    """An offer to open."""

    title = text(120)
    description = text(2000, least=0, required=False, load_default="")
    sector = text(60)
    cpm_cents = whole(1, 10_000_000)
    budget_cents = whole(1)
    creative = code_field()
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)


class ProgrammeQuery(SearchQuery):
    """Words, sector and page."""

    sector = fields.String(load_default="", validate=[validate.Length(max=60), storable])


class Joining(Schema):
    """The base that joins."""

    base = code_field()


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
        )


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
        return join_programme(work, code, body["base"])
