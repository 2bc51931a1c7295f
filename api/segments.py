"""Segments and counts of an owner's own base."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import LONGEST_RULE, figures_field, list_of, text
from api.work import front, unit
from broker.bases.find_base import find_base
from broker.catalogue.compare_segments import compare_segments
from broker.catalogue.segments import create_segment, find_segment, list_segments, read_rule

calls = Blueprint("segments", __name__, description="Saved rules over a base")


class SegmentSchema(Schema):
    """A saved rule."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    rule_text = fields.String(required=True)
    created_at = fields.DateTime()


class NewSegment(Schema):
    """A rule to save: `gender = F and age between 15 and 35`."""

    name = text(120)
    rule = text(LONGEST_RULE)


class CountQuestion(Schema):
    """A rule to count."""

    rule = text(LONGEST_RULE)
    send_on = fields.Date(load_default=None, allow_none=True)  # net of what is kept on that day


class CountSchema(Schema):
    """An owner's exact count of its own base, and what each exclusion takes from it."""

    count = fields.Integer(required=True)
    rentable = fields.Integer(required=True)
    exclusions = figures_field(required=True)


class SegmentQuery(Schema):
    """Which segments: those in use, or those put away."""

    archived = fields.Boolean(load_default=False)


@calls.route("/bases/<code:base>/segments", methods=["GET"])
@calls.arguments(SegmentQuery, location="query")
@calls.response(200, list_of(SegmentSchema))
def index(query: dict[str, Any], base: str) -> dict[str, Any]:
    """The segments of a base that are in use; `archived=true`: those put away."""
    with unit() as work:
        return {"items": list_segments(work, base, query["archived"])}


@calls.route("/bases/<code:base>/segments", methods=["POST"])
@calls.arguments(NewSegment)
@calls.response(201, SegmentSchema)
def create(body: dict[str, Any], base: str) -> Any:
    """Save a segment."""
    with unit() as work:
        return create_segment(work, base, body["name"], body["rule"])


@calls.route("/segments/<code:code>", methods=["GET"])
@calls.response(200, SegmentSchema)
def show(code: str) -> Any:
    """One segment."""
    with unit() as work:
        return find_segment(work, code)


@calls.route("/bases/<code:base>/count", methods=["POST"])
@calls.arguments(CountQuestion)
@calls.response(200, CountSchema)
def count(body: dict[str, Any], base: str) -> Any:
    """Count a rule without saving it, exactly: for the base's owner alone."""
    with unit() as work:
        work.actor.require("owner")
        base_id = find_base(work, base).id
        rule = read_rule(work, base_id, body["rule"])
    return front().audience.count_for_owner(base_id, rule, send_on=body["send_on"])


class Comparison(Schema):
    """Two to eight segments, of one base or several."""

    segments = fields.List(text(60), required=True, validate=validate.Length(2, 8))
    send_on = fields.Date(load_default=None, allow_none=True)


class PairSchema(Schema):
    """Who stands in two of the segments, by their places in the question."""

    one = fields.Integer(required=True)
    other = fields.Integer(required=True)
    both = fields.Integer(required=True)


class OverlapSchema(Schema):
    """People after exclusions, everybody counted once. Guarded figures (the broker's) are 0 under the floor."""

    sizes = fields.List(fields.Integer(), required=True)
    pairs = fields.List(fields.Nested(PairSchema), required=True)
    union = fields.Integer(required=True)
    twice = fields.Integer(required=True)
    guarded = fields.Boolean(required=True)


@calls.route("/segments/compare", methods=["POST"])
@calls.arguments(Comparison)
@calls.response(200, OverlapSchema)
def compare(body: dict[str, Any]) -> Any:
    """How far segments overlap: an owner's own exactly, anybody's for the broker in guarded figures."""
    with unit() as work:
        return compare_segments(work, front().audience, body["segments"], body["send_on"])


class SuggestionQuestion(Schema):
    """What is to be explained: ever bought, bought within some months, or being a large customer."""

    target = fields.String(load_default="bought", validate=validate.OneOf(["bought", "bought_within", "large"]))
    months = fields.Integer(load_default=12, validate=validate.Range(1, 120))


class SuggestionSchema(Schema):
    """A rule that goes with the target, proven on contacts it was not found on."""

    rule_text = fields.String(required=True)
    size = fields.Integer(required=True)
    rate = fields.Float(required=True)
    lift = fields.Float(required=True)
    lift_low = fields.Float(required=True)
    lift_high = fields.Float(required=True)
    held_out = fields.Integer(required=True)
    p_value = fields.Float(required=True)
    tells_all = fields.Boolean(required=True)


class SuggestionsSchema(Schema):
    """The best first; `rate` is everybody's, `seen` of `traits` were looked at in time."""

    suggestions = fields.List(fields.Nested(SuggestionSchema), required=True)
    rate = fields.Float(required=True)
    contacts = fields.Integer(required=True)
    traits = fields.Integer(required=True)
    seen = fields.Integer(required=True)
    tried = fields.Integer(required=True)


@calls.route("/bases/<code:base>/suggestions", methods=["GET"])
@calls.arguments(SuggestionQuestion, location="query")
@calls.response(200, SuggestionsSchema)
def suggestions(query: dict[str, Any], base: str) -> Any:
    """Which traits of an owner's base go with buying, as rules."""
    with unit() as work:
        work.actor.require("owner")
        base_id = find_base(work, base).id
    return front().audience.suggest_segments(base_id, query["target"], query["months"])
