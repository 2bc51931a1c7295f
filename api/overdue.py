"""Overdue invoices: ages and steps, letters, interest, holds, days agreed for parts."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import list_of, one_of, text, whole
from api.work import front, unit
from broker.billing.dunning.dunning import ask_for_letters
from broker.billing.dunning.late_claims import claim_interest
from broker.billing.dunning.overdue import (
    agree_instalments,
    end_hold,
    find_overdue,
    hold_invoice,
    letter_file,
    list_letters,
    list_overdue,
    set_rate,
)

calls = Blueprint("overdue", __name__, description="What customers owe too long, and what is written to them")


class OverdueSchema(Schema):
    """A late invoice; `level` is the last step taken (0 to 3), interest what has grown and was not claimed."""

    number = fields.String(required=True)
    kind = fields.String(required=True)
    buyer = fields.String(required=True)
    buyer_code = fields.String(required=True)
    total_cents = fields.Integer(required=True)
    open_cents = fields.Integer(required=True)
    late_cents = fields.Integer(required=True)
    due_on = fields.Date(required=True)
    days_late = fields.Integer(required=True)
    bucket = fields.String(required=True)
    level = fields.Integer(required=True)
    written_on = fields.Date(required=True, allow_none=True)
    next_level = fields.Integer(required=True, allow_none=True)
    next_on = fields.Date(required=True, allow_none=True)
    held = fields.String(required=True, allow_none=True)
    interest_cents = fields.Integer(required=True)
    recovery_cents = fields.Integer(required=True)


class StretchSchema(Schema):
    """Days on which the same sum was late at the same rate (basis points a year)."""

    first = fields.Date(required=True)
    last = fields.Date(required=True)
    days = fields.Integer(required=True)
    late_cents = fields.Integer(required=True)
    bp = fields.Integer(required=True)


class LateInvoiceSchema(OverdueSchema):
    """The same with the days of its interest."""

    stretches = fields.List(fields.Nested(StretchSchema), required=True)


class DunningLetterSchema(Schema):
    """A letter; `mails` says what became of the mail to each person."""

    code = fields.String(required=True)
    buyer = fields.String(required=True)
    level = fields.Integer(required=True)
    made_on = fields.Date(required=True)
    open_cents = fields.Integer(required=True)
    interest_cents = fields.Integer(required=True)
    invoices = fields.List(fields.String(), required=True)
    mails = fields.List(fields.String(), required=True)


class DunningHoldSchema(Schema):
    """Why nothing is written, and until when; without a day until somebody ends it."""

    reason = text(500)
    until = fields.Date(load_default=None, allow_none=True)


class InstalmentSchema(Schema):
    """A part and its day."""

    due_on = fields.Date(required=True)
    amount_cents = whole(1)


class InstalmentsSchema(Schema):
    """Parts that make what is open."""

    parts = fields.List(fields.Nested(InstalmentSchema), required=True, validate=validate.Length(min=1, max=36))


class InterestClaimSchema(Schema):
    """Whether the fixed compensation is claimed as well."""

    recovery = fields.Boolean(load_default=True)


class InterestClaimedSchema(Schema):
    """The claim; a worker issues its document."""

    code = fields.String(required=True)


class PublishedRateSchema(Schema):
    """A published rate in basis points, from 1 January or 1 July on."""

    kind = one_of("ecb", "legal")
    since = fields.Date(required=True)
    bp = whole(0, 10_000)


@calls.route("/overdue", methods=["GET"])
@calls.response(200, list_of(OverdueSchema))
def index() -> Any:
    """Every late invoice, by customer."""
    with unit() as work:
        return {"items": list_overdue(work, front().settings)}


@calls.route("/overdue/<number:number>", methods=["GET"])
@calls.response(200, LateInvoiceSchema)
def show(number: str) -> Any:
    """One invoice with the days of its interest."""
    with unit() as work:
        return find_overdue(work, front().settings, number)


@calls.route("/overdue/<number:number>/hold", methods=["POST"])
@calls.arguments(DunningHoldSchema)
@calls.response(204)
def hold(body: dict[str, Any], number: str) -> None:
    """Write nothing about an invoice, in dispute for one."""
    with unit() as work:
        hold_invoice(work, number, body["reason"], body["until"])


@calls.route("/overdue/<number:number>/hold", methods=["DELETE"])
@calls.response(204)
def go_on(number: str) -> None:
    """Go on writing."""
    with unit() as work:
        end_hold(work, number)


@calls.route("/overdue/<number:number>/instalments", methods=["POST"])
@calls.arguments(InstalmentsSchema)
@calls.response(204)
def agree(body: dict[str, Any], number: str) -> None:
    """Agree days for what is open."""
    with unit() as work:
        agree_instalments(work, number, [(part["due_on"], part["amount_cents"]) for part in body["parts"]])


@calls.route("/overdue/<number:number>/claim", methods=["POST"])
@calls.arguments(InterestClaimSchema)
@calls.response(202, InterestClaimedSchema)
def claim(body: dict[str, Any], number: str) -> Any:
    """Claim the interest that has grown, outside VAT."""
    with unit() as work:
        return {"code": claim_interest(work, number, recovery=body["recovery"])}


@calls.route("/overdue/letters", methods=["POST"])
@calls.response(202)
def write() -> None:
    """Have the letters written that are due."""
    with unit() as work:
        ask_for_letters(work)


@calls.route("/overdue/letters", methods=["GET"])
@calls.response(200, list_of(DunningLetterSchema))
def letters() -> Any:
    """Letters: staff sees all, a customer its own."""
    with unit() as work:
        return {"items": list_letters(work)}


@calls.route("/overdue/letters/<code:code>/pdf", methods=["GET"])
@calls.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
def letter(code: str) -> Response:
    """A letter's PDF."""
    with unit() as work:
        content = letter_file(work, code)
    return Response(content, mimetype="application/pdf")


@calls.route("/overdue/rates", methods=["POST"])
@calls.arguments(PublishedRateSchema)
@calls.response(204)
def rate(body: dict[str, Any]) -> None:
    """Enter a published rate for a half-year."""
    with unit() as work:
        set_rate(work, body["kind"], body["since"], body["bp"])
