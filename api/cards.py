"""Data cards: publish, search, count on the desk, retire."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import LARGEST_INT, SearchQuery, code_field, one_of, page_of, storable, text, whole
from api.work import front, unit
from broker.catalogue.count_card import count_card
from broker.catalogue.find_card import find_published_card
from broker.catalogue.model import LANGUAGES, CardTerms
from broker.catalogue.publish_card import publish_card
from broker.catalogue.retire_card import retire_card
from broker.catalogue.search_cards import find_cards
from broker.catalogue.search_model import SORTS, CardSearch

ASKED = ("sector", "region", "kind", "language", "size", "most_cents", "sort")

calls = Blueprint("cards", __name__, description="Published segments, anonymous")


class SelectSchema(Schema):
    """A criterion that advertisers may add, and what it adds to the price of a send."""

    field = text(60)
    label = text(120)
    surcharge_micros = whole(0, 10_000_000, required=False, load_default=0)


class CardSchema(Schema):
    """A card as advertisers see it. The size is a guarded figure, never the exact one."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    description = fields.String(required=True)
    sector = fields.String(required=True)
    size_shown = fields.Integer(required=True)
    base_price_micros = fields.Integer(required=True)
    minimum_order = fields.Integer(required=True)
    selects = fields.List(fields.Dict(), required=True)
    profile = fields.Dict()
    published_at = fields.DateTime()
    contact_kind = fields.String()
    languages = fields.List(fields.String())
    approval = fields.String(
        metadata={
            "description": "What the owner reads before its yes to an order: each_piece: every message; "
            "each_advertiser: an advertiser's first."
        }
    )
    approval_days = fields.Integer()
    approval_note = fields.String()
    refused_sectors = fields.List(fields.String())
    tables = fields.Dict(metadata={"description": "Guarded two-way tables: rows, columns, shares in per cent."})
    refreshed_on = fields.Date(allow_none=True)
    clicks_bp = fields.Integer(allow_none=True, metadata={"description": "Past clicks in ten thousand mails."})


class CardQuery(SearchQuery):
    """Words, facets and an order."""

    sector = fields.String(load_default="", validate=[validate.Length(max=60), storable])
    region = fields.String(load_default="", validate=[validate.Length(max=60), storable])
    kind = one_of("", "b2c", "b2b", required=False, load_default="")
    language = one_of("", *LANGUAGES, required=False, load_default="")
    size = fields.Integer(load_default=None, validate=validate.Range(min=0, max=4), metadata={
        "description": "Band: under 25,000; 100,000; 250,000; 1,000,000; more."})  # fmt: skip
    most_cents = fields.Integer(load_default=0, validate=validate.Range(min=0, max=LARGEST_INT))
    sort = one_of("", *SORTS, required=False, load_default="")


class NewCard(Schema):
    """A segment to publish."""

    segment = code_field()
    title = text(120)
    description = text(2000, least=0, required=False, load_default="")
    sector = text(60)
    cpm_cents = whole(1, 10_000_000)
    minimum_order = whole(1)
    selects = fields.List(fields.Nested(SelectSchema), load_default=list, validate=lambda selects: len(selects) <= 20)
    languages = fields.List(text(5), load_default=lambda: ["fr"], validate=validate.Length(max=10))
    approval = one_of("each_piece", "each_advertiser", required=False, load_default="each_piece")
    approval_days = whole(0, 30, required=False, load_default=2)
    approval_note = text(500, least=0, required=False, load_default="")
    refused_sectors = fields.List(text(60), load_default=list, validate=validate.Length(max=50))
    refused_advertisers = fields.List(code_field(), load_default=list, validate=validate.Length(max=200))


class DeskQuestion(Schema):
    """A selection inside a card, with the card's own selects."""

    select_rule = text(5000, least=0)


class DeskAnswer(Schema):
    """The guarded figure: perturbed, rounded, floored."""

    shown = fields.Integer(required=True)


@calls.route("/cards", methods=["GET"])
@calls.arguments(CardQuery, location="query")
@calls.response(200, page_of(CardSchema))
def index(query: dict[str, Any]) -> Any:
    """Search published cards: words in French or English, facets, an order."""
    asked = CardSearch(query["q"], *(query[name] for name in ASKED))
    with unit() as work:
        return find_cards(work, asked, query["page"])


@calls.route("/cards", methods=["POST"])
@calls.arguments(NewCard)
@calls.response(201, CardSchema)
def publish(body: dict[str, Any]) -> Any:
    """Publish a segment; `under_floor` (409) says in its details what each exclusion cost."""
    with unit() as work:
        return publish_card(
            work,
            front().audience,
            body["segment"],
            body["title"],
            body["description"],
            body["sector"],
            body["cpm_cents"],
            body["minimum_order"],
            body["selects"],
            CardTerms(
                tuple(body["languages"]),
                body["approval"],
                body["approval_days"],
                body["approval_note"],
                tuple(body["refused_sectors"]),
                tuple(body["refused_advertisers"]),
            ),
            front().settings.trade,
        )


@calls.route("/cards/<code:code>", methods=["GET"])
@calls.response(200, CardSchema)
def show(code: str) -> Any:
    """One published card."""
    with unit() as work:
        return find_published_card(work, code)


@calls.route("/cards/<code:code>/count", methods=["POST"])
@calls.arguments(DeskQuestion)
@calls.response(200, DeskAnswer)
def count(body: dict[str, Any], code: str) -> dict[str, int]:
    """Ask the desk for the guarded size of a selection."""
    with unit() as work:
        return {"shown": count_card(work, front().audience, code, body["select_rule"])}


@calls.route("/cards/<code:code>/retire", methods=["POST"])
@calls.response(200, CardSchema)
def retire(code: str) -> Any:
    """Take a card off the catalogue for good."""
    with unit() as work:
        return retire_card(work, code)
