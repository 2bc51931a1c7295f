"""Segments and counts of an owner's own base."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import figures_field, list_of, text
from api.work import front, unit
from broker.bases.find_base import find_base
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
    rule = text(10_000)


class CountQuestion(Schema):
    """A rule to count."""

    rule = text(10_000)


class CountSchema(Schema):
    """An owner's exact count of its own base, and what each exclusion takes from it."""

    count = fields.Integer(required=True)
    rentable = fields.Integer(required=True)
    exclusions = figures_field(required=True)


@calls.route("/bases/<code:base>/segments", methods=["GET"])
@calls.response(200, list_of(SegmentSchema))
def index(base: str) -> dict[str, Any]:
    """The segments of a base."""
    with unit() as work:
        return {"items": list_segments(work, base)}


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
    """Count a rule without saving it."""
    with unit() as work:
        base_id = find_base(work, base).id
        rule = read_rule(work, base_id, body["rule"])
    return front().audience.count_for_owner(base_id, rule)
