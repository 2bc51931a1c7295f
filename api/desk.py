"""The count desk: several cards with selects counted together, and quoted."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import code_field, list_of, text, whole
from api.orders import AskedTerms, OrderSchema, asked_terms
from api.work import front, unit
from broker.catalogue.count_card import count_on_desk
from broker.rentals.quote_desk import quote_desk

calls = Blueprint("desk", __name__, description="Guarded counts over several cards")


class DeskPart(Schema):
    """A card, and what it is narrowed to with its own selects."""

    card = code_field()
    select_rule = text(5000, least=0, required=False, load_default="")


class DeskCountQuestion(Schema):
    """The cards on the desk. With a send date, what orders keep on that day is taken out."""

    cards = fields.List(fields.Nested(DeskPart), required=True, validate=validate.Length(min=1, max=10))
    send_on = fields.Date(load_default=None, allow_none=True)


class DeskLineSchema(Schema):
    """One card's own figure and price."""

    card = fields.String(attribute="card.code", required=True)
    title = fields.String(attribute="card.title", required=True)
    select_rule = fields.String(attribute="select_text", required=True)
    shown = fields.Integer(required=True)
    cpm_cents = fields.Integer(required=True)


class DeskCountSchema(Schema):
    """Guarded: people in any of the cards, each counted once, and each card by itself. 0: too few to be shown."""

    shown = fields.Integer(required=True)
    lines = fields.List(fields.Nested(DeskLineSchema), required=True)


class DeskQuoteQuestion(DeskCountQuestion, AskedTerms):
    """A volume for all of them together."""

    volume = whole(1)


@calls.route("/desk/count", methods=["POST"])
@calls.arguments(DeskCountQuestion)
@calls.response(200, DeskCountSchema)
def count(body: dict[str, Any]) -> Any:
    """Count cards together, without duplicates, without whom one's own suppression files name."""
    with unit() as work:
        return count_on_desk(work, front().audience, _parts(body), body["send_on"])


@calls.route("/desk/quote", methods=["POST"])
@calls.arguments(DeskQuoteQuestion)
@calls.response(201, list_of(OrderSchema))
def quote(body: dict[str, Any]) -> Any:
    """Quote the desk: one order per card, each for its share of the volume by the figures shown."""
    means = front()
    with unit() as work:
        found = quote_desk(work, means.audience, means.settings, _parts(body), body["volume"], body["send_on"],
                           asked_terms(body))  # fmt: skip
        return {"items": found}


def _parts(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(part["card"], part["select_rule"]) for part in body["cards"]]
