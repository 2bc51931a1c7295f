"""Rules as text and tree, and the life of segments: change, duplicate, archive, uses, history."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError, fields, validates_schema

from api.fields import LONGEST_RULE, code_field, list_of, text
from api.segments import SegmentSchema
from api.work import unit
from broker.catalogue.archive_segment import archive_segment, restore_segment
from broker.catalogue.change_segment import change_segment, duplicate_segment
from broker.catalogue.explain_rule import explain_text, explain_tree
from broker.catalogue.segment_life import segment_history, segment_uses
from broker.catalogue.segments import find_segment

calls = Blueprint("rules", __name__, description="Rules as text and tree; segments that change")


class RuleQuestion(Schema):
    """Rule text, or a rule tree: one of the two. `segment` is the code of the segment whose rule it is to become."""

    rule = text(LONGEST_RULE, least=0, required=False)
    tree = fields.Dict(keys=fields.String(), required=False)
    segment = code_field(required=False, load_default="")

    @validates_schema
    def one_of_two(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse none and both."""
        if ("rule" in data) == ("tree" in data):
            raise ValidationError("Give the rule as text or as tree, one of the two.", "rule")


class FaultSchema(Schema):
    """What is wrong: `term` counts the conditions from 0, `position` the characters of the text from 1."""

    code = fields.String(required=True)
    sentence = fields.String(required=True)
    term = fields.Integer(required=True, allow_none=True)
    position = fields.Integer(required=True, allow_none=True)
    name = fields.String(required=True)
    nearest = fields.List(fields.String(), required=True)


class ExplainedSchema(Schema):
    """The same rule as text and as tree; without a tree it could not be read."""

    text = fields.String(required=True)
    tree = fields.Dict(keys=fields.String(), required=True, allow_none=True)
    faults = fields.List(fields.Nested(FaultSchema), required=True)


class SegmentChanges(Schema):
    """What to change; what is left out stays."""

    name = text(120, required=False)
    rule = text(LONGEST_RULE, required=False)


class CopyName(Schema):
    """What the copy is called."""

    name = text(120)


class UseSchema(Schema):
    """What stands on a segment: a card, an order, a participation with a planned send, another segment."""

    kind = fields.String(required=True)
    code = fields.String(required=True)
    name = fields.String(required=True)
    state = fields.String(required=True)


class SegmentChangeSchema(Schema):
    """What a segment was called and said from a moment on."""

    kind = fields.String(required=True)
    name = fields.String(required=True)
    rule_text = fields.String(required=True)
    at = fields.DateTime(required=True)
    who = fields.String(required=True)


@calls.route("/bases/<code:base>/rules/explain", methods=["POST"])
@calls.arguments(RuleQuestion)
@calls.response(200, ExplainedSchema)
def explain(body: dict[str, Any], base: str) -> Any:
    """Read a rule over a base: text to tree or tree to text, with everything that is wrong, condition by condition."""
    with unit() as work:
        work.actor.require("owner")
        if "tree" in body:
            return explain_tree(work, base, body["tree"], body["segment"])
        return explain_text(work, base, body["rule"], body["segment"])


@calls.route("/segments/<code:code>", methods=["PATCH"])
@calls.arguments(SegmentChanges)
@calls.response(200, SegmentSchema)
def change(body: dict[str, Any], code: str) -> Any:
    """Rename a segment at any time, change its rule until a card or a send rests on it (`segment_in_use`)."""
    with unit() as work:
        return change_segment(work, code, body.get("name"), body.get("rule"))


@calls.route("/segments/<code:code>/duplicate", methods=["POST"])
@calls.arguments(CopyName)
@calls.response(201, SegmentSchema)
def duplicate(body: dict[str, Any], code: str) -> Any:
    """A second segment of the same rule."""
    with unit() as work:
        return duplicate_segment(work, code, body["name"])


@calls.route("/segments/<code:code>/archive", methods=["POST"])
@calls.response(200, SegmentSchema)
def archive(code: str) -> Any:
    """Put away a segment that nothing stands on (`segment_in_use`)."""
    with unit() as work:
        archive_segment(work, code)
        return find_segment(work, code)


@calls.route("/segments/<code:code>/restore", methods=["POST"])
@calls.response(200, SegmentSchema)
def restore(code: str) -> Any:
    """Take out of the archive."""
    with unit() as work:
        restore_segment(work, code)
        return find_segment(work, code)


@calls.route("/segments/<code:code>/uses", methods=["GET"])
@calls.response(200, list_of(UseSchema))
def uses(code: str) -> dict[str, Any]:
    """What stands on a segment now."""
    with unit() as work:
        return {"items": segment_uses(work, find_segment(work, code))}


@calls.route("/segments/<code:code>/history", methods=["GET"])
@calls.response(200, list_of(SegmentChangeSchema))
def history(code: str) -> dict[str, Any]:
    """What a segment was called and said, the newest first."""
    with unit() as work:
        return {"items": segment_history(work, find_segment(work, code))}
