"""Pressure on a base: caps, free days; leak cases."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import code_field, list_of, text, whole
from api.work import front, unit
from broker.bases.find_base import find_base
from broker.catalogue.segments import find_segment
from broker.feedback.leaks import close_leak, list_leaks
from broker.mailings.pressure import day_offers, next_window, own_caps, set_pressure

calls = Blueprint("pressure", __name__, description="How much mail one person gets; leaks")


class PressureSchema(Schema):
    """A base's caps; null is the platform's. They may be stricter than those, never looser."""

    per_week = whole(1, 100, required=False, allow_none=True, load_default=None)
    per_month = whole(1, 300, required=False, allow_none=True, load_default=None)
    advertiser_week = whole(1, 100, required=False, allow_none=True, load_default=None)
    advertiser_month = whole(1, 300, required=False, allow_none=True, load_default=None)
    own_counts = fields.Boolean(load_default=True)
    caps_own = fields.Boolean(load_default=False)


class DaysQuery(Schema):
    """For whom, and from which day (default: today)."""

    segment = code_field()
    day = fields.Date(load_default=None, data_key="from")


class DayOfferSchema(Schema):
    """A day: how many of the segment it would lose, and why the calendar closes it."""

    day = fields.Date(required=True)
    left = fields.Integer(required=True)
    pressed = fields.Integer(required=True)
    reserved = fields.Integer(required=True)
    closed = fields.String(allow_none=True)
    free = fields.Boolean(required=True)


class DaysSchema(Schema):
    """Three weeks, and the next free window among them."""

    people = fields.Integer(required=True)
    days = fields.List(fields.Nested(DayOfferSchema), required=True)
    next_free = fields.Nested(DayOfferSchema, allow_none=True)


class LeakSchema(Schema):
    """Mails from a stranger to a control address of one mailing."""

    code = fields.String(required=True)
    state = fields.String(required=True)
    mailing = fields.String(attribute="mailing_code", required=True)
    base = fields.String(attribute="base_code", required=True)
    sender_domain = fields.String(required=True)
    subject = fields.String(required=True)
    mails = fields.Integer(required=True)
    first_at = fields.DateTime(required=True)
    last_at = fields.DateTime(required=True)
    resolution = fields.String(required=True)
    closed_at = fields.DateTime(allow_none=True)


class Resolution(Schema):
    """What was found out and done."""

    resolution = text(1_000)


@calls.route("/bases/<code:code>/pressure", methods=["GET"])
@calls.response(200, PressureSchema)
def show(code: str) -> Any:
    """A base's caps as its owner set them."""
    with unit() as work:
        _, caps, (week, month) = own_caps(work, code)
    return {
        "per_week": week,
        "per_month": month,
        "advertiser_week": caps.advertiser_week if caps else None,
        "advertiser_month": caps.advertiser_month if caps else None,
        "own_counts": caps is None or caps.own_counts,
        "caps_own": caps is not None and caps.caps_own,
    }


@calls.route("/bases/<code:code>/pressure", methods=["PUT"])
@calls.arguments(PressureSchema)
@calls.response(200, PressureSchema)
def change(body: dict[str, Any], code: str) -> Any:
    """Set them."""
    with unit() as work:
        set_pressure(work, front().settings.trade, code, **body)
    return body


@calls.route("/bases/<code:code>/free-days", methods=["GET"])
@calls.arguments(DaysQuery, location="query")
@calls.response(200, DaysSchema)
def days(query: dict[str, Any], code: str) -> Any:
    """Which days a segment's people can be written to, and the next free window."""
    with unit() as work:
        work.actor.require("owner")
        base = find_base(work, code)
        rule = find_segment(work, query["segment"]).rule
        start = query["day"] or work.today
    counted = front().audience.pressure_days(base.id, rule, start)
    with unit() as work:
        offers = day_offers(work, base.id, counted["people"], counted["days"], own=False)
    return {"people": counted["people"], "days": offers, "next_free": next_window(offers)}


@calls.route("/leaks", methods=["GET"])
@calls.response(200, list_of(LeakSchema))
def leaks() -> dict[str, Any]:
    """Leak cases, open ones first."""
    with unit() as work:
        return {"items": list_leaks(work)}


@calls.route("/leaks/<code:code>/close", methods=["POST"])
@calls.arguments(Resolution)
@calls.response(200, LeakSchema)
def close(body: dict[str, Any], code: str) -> Any:
    """Close a case with what was found out."""
    with unit() as work:
        return close_leak(work, code, body["resolution"])
