"""Conversions: an advertiser's program reports and validates; owners and the broker read."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, one_of, page_of, storable, text
from api.work import front, unit
from broker.affiliation.conversion_model import KINDS, REPORTED, STATES
from broker.affiliation.conversion_store import Wanted
from broker.affiliation.decide_conversions import (
    approve_conversion,
    decline_conversion,
    extend_conversion,
    find_conversion,
    list_conversions,
)
from broker.affiliation.postback import read_report
from broker.affiliation.report_conversion import report_by_hand
from broker.affiliation.validation_file import validate_by_file

calls = Blueprint("conversions", __name__, description="Clicks, leads and sales of programmes")


class ConversionSchema(Schema):
    """One click, lead or sale. `reference` is empty for owners, `signs` for everybody but the advertiser and us."""

    code = fields.String(required=True)
    programme = fields.String(attribute="programme_code", required=True)
    participation = fields.String(attribute="participation_code", required=True)
    mailing = fields.String(attribute="mailing_code", required=True)
    kind = fields.String(required=True)
    reference = fields.String(required=True)
    amount_cents = fields.Integer(required=True, allow_none=True)
    price_micros = fields.Integer(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    source = fields.String(required=True)
    clicked_at = fields.DateTime(required=True, allow_none=True)
    happened_at = fields.DateTime(required=True)
    received_at = fields.DateTime(required=True)
    due_at = fields.DateTime(required=True, metadata={"description": "When it approves itself."})
    extended = fields.Boolean(required=True)
    signs = fields.Dict(required=True)


class ConversionQuery(PageQuery):
    """Empty filters ask for nothing."""

    programme = fields.String(load_default="", validate=[validate.Length(max=60), storable])
    state = one_of("", *STATES, required=False, load_default="")
    kind = one_of("", *KINDS, required=False, load_default="")
    reference = fields.String(load_default="", validate=[validate.Length(max=120), storable])
    suspicious = fields.Boolean(load_default=False)


class NewConversion(Schema):
    """A lead or sale. `amount` in EUR without VAT, as 49.90; `at`: seconds since 1970 or ISO 8601 with its offset."""

    click_id = text(60)
    kind = one_of(*REPORTED, required=False, load_default="sale")
    reference = text(120)
    amount = text(20, least=0, required=False, load_default="")
    currency = text(3, required=False, load_default="EUR")
    at = text(40, least=0, required=False, load_default="")


class ReportedSchema(Schema):
    """`fresh` is false when the same was said before. A refused report is kept, with its reason."""

    code = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    fresh = fields.Boolean(required=True)


class Declining(Schema):
    """Why: the owner reads it."""

    reason = text(500)


class ValidationFile(Schema):
    """The file's text: CSV with reference, decision (approved or declined), reason, and kind where needed."""

    csv = text(5_000_000)
    dry_run = fields.Boolean(load_default=False)


class ValidationProblem(Schema):
    """A line that was not followed."""

    line = fields.Integer(required=True)
    reference = fields.String(required=True)
    problem = fields.String(required=True)


class ValidatedSchema(Schema):
    """What the file did, or would do."""

    lines = fields.Integer(required=True)
    approved = fields.Integer(required=True)
    declined = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    problems = fields.List(fields.Nested(ValidationProblem), required=True)


@calls.route("/conversions", methods=["GET"])
@calls.arguments(ConversionQuery, location="query")
@calls.response(200, page_of(ConversionSchema))
def index(query: dict[str, Any]) -> Any:
    """Conversions one is a party of, the newest first."""
    wanted = Wanted(
        programme=query["programme"],
        state=query["state"],
        kind=query["kind"],
        reference=query["reference"],
        suspicious=query["suspicious"],
    )
    with unit() as work:
        return list_conversions(work, wanted, query["page"])


@calls.route("/programmes/<code:code>/conversions", methods=["POST"])
@calls.arguments(NewConversion)
@calls.response(201, ReportedSchema)
def report(body: dict[str, Any], code: str) -> Any:
    """Report a lead or sale: the same as the signed postback, with an API key."""
    fields_given = {name: value for name, value in body.items() if value}
    with unit() as work:
        return report_by_hand(work, code, read_report(front().keys, fields_given, "api"))


@calls.route("/conversions/<code:code>", methods=["GET"])
@calls.response(200, ConversionSchema)
def show(code: str) -> Any:
    """One conversion."""
    with unit() as work:
        return find_conversion(work, code)


@calls.route("/conversions/<code:code>/approve", methods=["POST"])
@calls.response(200, ConversionSchema)
def approve(code: str) -> Any:
    """Approve a pending conversion: it accrues."""
    with unit() as work:
        return approve_conversion(work, code)


@calls.route("/conversions/<code:code>/decline", methods=["POST"])
@calls.arguments(Declining)
@calls.response(200, ConversionSchema)
def decline(body: dict[str, Any], code: str) -> Any:
    """Decline a pending conversion, with the reason."""
    with unit() as work:
        return decline_conversion(work, code, body["reason"])


@calls.route("/conversions/<code:code>/extend", methods=["POST"])
@calls.response(200, ConversionSchema)
def extend(code: str) -> Any:
    """Put the decision off, once."""
    with unit() as work:
        return extend_conversion(work, code)


@calls.route("/programmes/<code:code>/validation", methods=["POST"])
@calls.arguments(ValidationFile)
@calls.response(200, ValidatedSchema)
def validation(body: dict[str, Any], code: str) -> Any:
    """Approve and decline by a file; a wrong line is listed and hinders no other."""
    with unit() as work:
        done = validate_by_file(work, code, body["csv"].encode(), dry_run=body["dry_run"])
    problems = [{"line": line, "reference": reference, "problem": why} for line, reference, why in done.problems]
    return {"lines": done.lines, "approved": done.approved, "declined": done.declined, "unchanged": done.unchanged,
            "problems": problems}  # fmt: skip
