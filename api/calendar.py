"""A base's calendar: days and hours that its owner keeps for itself; the retroplanning of an order."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import list_of, one_of, text, whole
from api.work import unit
from broker.bases.calendar import CalendarRule
from broker.bases.keep_days import calendar_of, give_back, keep_days, set_calendar_rule
from broker.mailings.plan_order import plan_order

calls = Blueprint("calendar", __name__, description="Days kept, retroplanning")


class Span(Schema):
    """From which day to which."""

    start = fields.Date(required=True, data_key="from")
    end = fields.Date(required=True, data_key="to")


class KeptDays(Schema):
    """Days kept; `ends_on` is the last."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    title = fields.String(required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    feed = fields.Boolean(required=True, metadata={"description": "From the subscribed calendar."})


class NewKeptDays(Schema):
    """Days to keep."""

    kind = one_of("own_campaign", "blackout")
    title = text(120)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)


class CalendarRuleSchema(Schema):
    """What holds on every day. Hours of Paris; weekdays 1 (Monday) to 7."""

    first_hour = whole(0, 23, required=False, load_default=0)
    last_hour = whole(1, 24, required=False, load_default=24)
    closed_weekdays = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, 7)), load_default=list, validate=validate.Length(max=7)
    )
    on_holidays = fields.Boolean(load_default=True)
    feed_url = text(500, least=0, required=False, load_default="")


class StepSchema(Schema):
    """One step of a retroplanning."""

    code = fields.String(required=True)
    who = fields.String(required=True)
    due_on = fields.Date(required=True)
    done_on = fields.Date(allow_none=True)
    state = fields.String(
        required=True, metadata={"description": "done, done_late, late, due, ahead, or dropped with its order"}
    )
    days_late = fields.Integer(required=True)


@calls.route("/bases/<code:code>/calendar", methods=["GET"])
@calls.arguments(Span, location="query")
@calls.response(200, list_of(KeptDays))
def index(query: dict[str, Any], code: str) -> dict[str, Any]:
    """The days kept in a span."""
    with unit() as work:
        _, _, days, _ = calendar_of(work, code, query["start"], query["end"])
        return {"items": days}


@calls.route("/bases/<code:code>/calendar", methods=["POST"])
@calls.arguments(NewKeptDays)
@calls.response(201, KeptDays)
def keep(body: dict[str, Any], code: str) -> Any:
    """Keep days for an own campaign, or free of partners' mail."""
    with unit() as work:
        return keep_days(work, code, body["kind"], body["title"], body["starts_on"], body["ends_on"])


@calls.route("/bases/<code:code>/calendar/<code:day>", methods=["DELETE"])
@calls.response(204)
def free(code: str, day: str) -> None:
    """Give days back."""
    with unit() as work:
        give_back(work, code, day)


@calls.route("/bases/<code:code>/calendar-rule", methods=["PUT"])
@calls.arguments(CalendarRuleSchema)
@calls.response(200, CalendarRuleSchema)
def rule(body: dict[str, Any], code: str) -> dict[str, Any]:
    """Set hours, closed weekdays, holidays and the calendar to subscribe."""
    with unit() as work:
        hours = CalendarRule(body["first_hour"], body["last_hour"], tuple(body["closed_weekdays"]), body["on_holidays"])
        set_calendar_rule(work, code, hours, body["feed_url"])
    return body


@calls.route("/orders/<code:code>/plan", methods=["GET"])
@calls.response(200, list_of(StepSchema))
def plan(code: str) -> dict[str, Any]:
    """The steps of an order, by their days; none while it has no send date."""
    with unit() as work:
        return {"items": plan_order(work, code)[1]}
