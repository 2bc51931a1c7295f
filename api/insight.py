"""What an owner knows of a base's customers, and what it sets for it."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import code_field, list_of, one_of, text, whole
from api.work import front, unit
from broker.catalogue.segments import create_segment
from broker.catalogue.sensitive_text import refuse_sensitive_rule
from broker.insight.base_insight import insight_of, insight_progress
from broker.insight.lookup import ask_about_customer, customer_answer
from broker.insight.scorecard import MOST_CRITERIA, MOST_POINTS
from broker.insight.set_rules import (
    rule_history,
    set_horizon,
    set_rfm,
    set_scorecard,
    set_shop_places,
    set_tiers,
)
from broker.insight.settings_model import MOST_CLASSES
from broker.insight.triggers import LONGEST_AHEAD, create_trigger, end_trigger, list_triggers

calls = Blueprint("insight", __name__, description="Customers: classes, value, score, potential, affinities, events")


class SnapshotFindingsSchema(Schema):
    """The findings on one snapshot; docs/insight.md has the shape of `found`."""

    number = fields.Integer(required=True)
    as_of = fields.Date(required=True)
    found = fields.Dict(required=True)


class ProgressSchema(Schema):
    """A study under way."""

    step = fields.Integer(required=True)
    steps = fields.Integer(required=True)
    name = fields.String(required=True)


class InsightSchema(Schema):
    """The newest findings of a base and those before, newest first; `progress` while newer ones are worked out."""

    base_code = fields.String(required=True)
    latest = fields.Nested(SnapshotFindingsSchema, required=True)
    before = fields.List(fields.Nested(SnapshotFindingsSchema), required=True)
    progress = fields.Nested(ProgressSchema, required=True, allow_none=True)


class RuleVersionSchema(Schema):
    """One version of what an owner set."""

    version = fields.Integer(required=True)
    body = fields.Dict(required=True)
    created_at = fields.DateTime(required=True)
    by = fields.String(allow_none=True)


class VersionSchema(Schema):
    """The number of the version that was kept."""

    version = fields.Integer(required=True)


class RfmClassSchema(Schema):
    """A class and its limits on the scale of 1 to 5."""

    name = text(60)
    low_r = whole(1, 5)
    high_r = whole(1, 5)
    low_v = whole(1, 5)
    high_v = whole(1, 5)


class ThresholdsSchema(Schema):
    """Growing numbers, one fewer than bins; a measure left out is cut at its quantiles."""

    recency_days = fields.List(fields.Integer(strict=True))
    frequency = fields.List(fields.Integer(strict=True))
    monetary_cents = fields.List(fields.Integer(strict=True))


class NewClasses(Schema):
    """Bins, thresholds and classes of RFM; classes left out are the defaults."""

    bins = whole(2, 10, required=False, load_default=5)
    thresholds = fields.Nested(ThresholdsSchema, load_default=dict)
    classes = fields.List(
        fields.Nested(RfmClassSchema), metadata={"description": f"At most {MOST_CLASSES}, together the whole scale."}
    )


class NewTiers(Schema):
    """Borders of large and medium customers."""

    method = one_of("share", "amount")
    large_bp = whole(1, 9_999, required=False)
    medium_bp = whole(1, 10_000, required=False)
    revenue_large_cents = whole(1, required=False)
    revenue_medium_cents = whole(1, required=False)
    margin_large_cents = whole(1, required=False)
    margin_medium_cents = whole(1, required=False)


class CriterionSchema(Schema):
    """A rule and its points."""

    name = text(200, least=0, required=False, load_default="")
    rule = text(10_000)
    points = whole(-MOST_POINTS, MOST_POINTS)


class NewScorecard(Schema):
    """The criteria; none ends scoring."""

    criteria = fields.List(
        fields.Nested(CriterionSchema), required=True, metadata={"description": f"At most {MOST_CRITERIA}."}
    )


class NewHorizon(Schema):
    """For how many days ahead purchases are expected."""

    horizon_days = whole(1, 3_650)


class NewShopPlace(Schema):
    """Where a shop is; an empty post code takes it back."""

    shop = text(200)
    postcode = text(5, least=0)


class TriggerSchema(Schema):
    """A segment that renews each day."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    field = fields.String(required=True)
    category = fields.String(allow_none=True)
    days_before = fields.Integer(required=True)
    rule_text = fields.String(required=True)
    segment_code = fields.String(allow_none=True)
    created_at = fields.DateTime(required=True)


class NewTrigger(Schema):
    """An event: a date column of the base (`birth_date`, `last_bought_…`), or `off_cycle`."""

    name = text(120)
    field = text(200)
    days_before = whole(0, LONGEST_AHEAD)


class NewLookup(Schema):
    """A customer by the owner's own reference."""

    reference = text(200)


class LookupSchema(Schema):
    """What is known of a customer, without its identity; kept for an hour."""

    code = code_field()
    base_code = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "waiting, found or not_found"})
    found = fields.Dict(allow_none=True)
    created_at = fields.DateTime(required=True)


@calls.route("/bases/<code:base>/insight", methods=["GET"])
@calls.response(200, InsightSchema)
def show(base: str) -> dict[str, Any]:
    """What is known of a base's customers, by snapshot."""
    with unit() as work:
        found = insight_of(work, base)
        return {
            "base_code": found.base_code,
            "latest": found.latest,
            "before": found.before,
            "progress": insight_progress(work, base),
        }


@calls.route("/bases/<code:base>/insight/classes", methods=["PUT"])
@calls.arguments(NewClasses)
@calls.response(200, VersionSchema)
def put_classes(body: dict[str, Any], base: str) -> dict[str, int]:
    """Set bins, thresholds and classes; the base is studied again."""
    with unit() as work:
        return {"version": set_rfm(work, base, body)}


@calls.route("/bases/<code:base>/insight/tiers", methods=["PUT"])
@calls.arguments(NewTiers)
@calls.response(200, VersionSchema)
def put_tiers(body: dict[str, Any], base: str) -> dict[str, int]:
    """Set the borders of the value tiers; the base is studied again."""
    with unit() as work:
        return {"version": set_tiers(work, base, body)}


@calls.route("/bases/<code:base>/insight/scorecard", methods=["GET"])
@calls.response(200, list_of(RuleVersionSchema))
def scorecards(base: str) -> dict[str, Any]:
    """The versions of the scorecard, newest first."""
    with unit() as work:
        return {"items": rule_history(work, base, "scorecard")}


@calls.route("/bases/<code:base>/insight/scorecard", methods=["PUT"])
@calls.arguments(NewScorecard)
@calls.response(200, VersionSchema)
def put_scorecard(body: dict[str, Any], base: str) -> dict[str, int]:
    """Set the scorecard; the base is studied again."""
    with unit() as work:
        return {"version": set_scorecard(work, base, body["criteria"], refuse_sensitive_rule)}


@calls.route("/bases/<code:base>/insight/potential", methods=["PUT"])
@calls.arguments(NewHorizon)
@calls.response(200, VersionSchema)
def put_horizon(body: dict[str, Any], base: str) -> dict[str, int]:
    """Set the horizon of potential; the base is studied again."""
    with unit() as work:
        return {"version": set_horizon(work, base, body["horizon_days"])}


@calls.route("/bases/<code:base>/insight/shops", methods=["PUT"])
@calls.arguments(NewShopPlace)
@calls.response(200, VersionSchema)
def put_shop(body: dict[str, Any], base: str) -> dict[str, int]:
    """Say where a shop is."""
    with unit() as work:
        return {"version": set_shop_places(work, base, {body["shop"]: body["postcode"]})}


@calls.route("/bases/<code:base>/triggers", methods=["GET"])
@calls.response(200, list_of(TriggerSchema))
def triggers(base: str) -> dict[str, Any]:
    """The triggers that are on."""
    with unit() as work:
        return {"items": list_triggers(work, base)}


@calls.route("/bases/<code:base>/triggers", methods=["POST"])
@calls.arguments(NewTrigger)
@calls.response(201, TriggerSchema)
def new_trigger(body: dict[str, Any], base: str) -> Any:
    """Define a trigger; its segment is saved with it."""
    with unit() as work:
        return create_trigger(work, base, **body, save_segment=lambda *asked: create_segment(*asked).code)


@calls.route("/bases/<code:base>/triggers/<code:trigger>", methods=["DELETE"])
@calls.response(204)
def drop_trigger(base: str, trigger: str) -> None:
    """Turn a trigger off; its segment stays."""
    with unit() as work:
        end_trigger(work, base, trigger)


@calls.route("/bases/<code:base>/customers", methods=["POST"])
@calls.arguments(NewLookup)
@calls.response(202, LookupSchema)
def look_up(body: dict[str, Any], base: str) -> Any:
    """Ask about one customer; a worker answers in a moment."""
    with unit() as work:
        return customer_answer(work, ask_about_customer(work, front().keys, base, body["reference"]))


@calls.route("/customers/<code:code>", methods=["GET"])
@calls.response(200, LookupSchema)
def answer(code: str) -> Any:
    """The answer, once it is there."""
    with unit() as work:
        return customer_answer(work, code)
