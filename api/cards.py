"""Data cards: publish, search, count on the desk, retire."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import SearchQuery, code_field, page_of, text, whole
from api.work import front, unit
from broker.catalogue.count_card import count_card
from broker.catalogue.find_card import find_published_card
from broker.catalogue.publish_card import publish_card
from broker.catalogue.retire_card import retire_card
from broker.catalogue.search_cards import search_cards

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


class NewCard(Schema):
    """A segment to publish."""

    segment = code_field()
    title = text(120)
    description = text(2000, least=0, required=False, load_default="")
    sector = text(60)
    cpm_cents = whole(1, 10_000_000)
    minimum_order = whole(1)
    selects = fields.List(fields.Nested(SelectSchema), load_default=list, validate=lambda selects: len(selects) <= 20)


class DeskQuestion(Schema):
    """A selection inside a card, with the card's own selects."""

    select_rule = text(5000, least=0)


class DeskAnswer(Schema):
    """The guarded figure: perturbed, rounded, floored."""

    shown = fields.Integer(required=True)


@calls.route("/cards", methods=["GET"])
@calls.arguments(SearchQuery, location="query")
@calls.response(200, page_of(CardSchema))
def index(query: dict[str, Any]) -> Any:
    """Search published cards."""
    with unit() as work:
        return search_cards(work, query["q"], query["page"])


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
