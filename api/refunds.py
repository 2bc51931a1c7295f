"""Refunds, contested card payments, holds on payouts, files for the bank and its answers."""

from __future__ import annotations

import base64
import binascii
from datetime import date
from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import code_field, list_of, text, whole
from api.work import front, unit
from broker.billing.bank.export_sepa import list_sepa_files, make_sepa_file, sepa_file
from broker.billing.bank.payout_holds import clear_hold, hold_payouts, list_holds, release_hold
from broker.billing.bank.return_payout import return_payout
from broker.billing.bank.take_status import take_status
from broker.billing.bank.third_party import third_party_funds
from broker.billing.bank.velocity import list_alerts
from broker.billing.gateway.disputes import list_disputes
from broker.billing.gateway.refunds import approve_refund, ask_refund, cancel_refund, list_refunds
from broker.kernel.errors import InvalidInput, NotFound

calls = Blueprint("refunds", __name__, description="Refunds, disputes, holds on payouts, and the bank's files")
LONG_AGO = date(2000, 1, 1)


class RefundSchema(Schema):
    """A refund; `credit` is the number of its credit note, `second` whether another person must approve it."""

    code = fields.String(required=True)
    customer = fields.String(required=True)
    source = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    invoice = fields.String(required=True)
    credit_cents = fields.Integer(required=True)
    credit = fields.String(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True)
    second = fields.Boolean(required=True)
    asked_at = fields.DateTime(required=True)
    paid_on = fields.Date(required=True, allow_none=True)
    problem = fields.String(required=True)


class RefundAskSchema(Schema):
    """`source` is the code of an order, a payment or a transfer; the rest is for transfers."""

    source = code_field()
    amount_cents = whole(1)
    reason = text(500)
    invoice = text(60, least=0, required=False, load_default="")
    customer = text(60, least=0, required=False, load_default="")
    holder = text(70, least=0, required=False, load_default="")
    iban = text(42, least=0, required=False, load_default="")


class DisputeSchema(Schema):
    """A contested card payment; `booked` are its movements in the books."""

    reference = fields.String(required=True)
    payment = fields.String(required=True)
    order = fields.String(required=True)
    customer = fields.String(required=True)
    reason = fields.String(required=True)
    status = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    fee_cents = fields.Integer(required=True)
    booked = fields.List(fields.String(), required=True)
    opened_on = fields.Date(required=True)
    evidence_due_at = fields.DateTime(required=True, allow_none=True)
    evidence_given = fields.Boolean(required=True)


class PayoutHoldSchema(Schema):
    """A hold; it stands until `released_at`."""

    code = fields.String(required=True)
    organisation = fields.String(required=True)
    org_code = fields.String(required=True)
    reason = fields.String(required=True)
    held_at = fields.DateTime(required=True)
    finding = fields.String(required=True)
    released_at = fields.DateTime(required=True, allow_none=True)


class NewPayoutHoldSchema(Schema):
    """Whose payouts are held, and why."""

    organisation = code_field()
    reason = text(500)


class HoldFindingSchema(Schema):
    """What was found."""

    finding = text(500)


class PayoutAlertSchema(Schema):
    """What came too often: `seen` in `hours`, where `allowed` are usual (of payouts: cents)."""

    code = fields.String(required=True)
    organisation = fields.String(required=True)
    org_code = fields.String(required=True)
    kind = fields.String(required=True)
    seen = fields.Integer(required=True)
    allowed = fields.Integer(required=True)
    hours = fields.Integer(required=True)
    raised_at = fields.DateTime(required=True)


class PayoutReturnedSchema(Schema):
    """The day on which it came back, and why (the bank's code)."""

    returned_on = fields.Date(required=True)
    reason = text(140)


class LeftOutSchema(Schema):
    """A transfer that could not be made as it stands."""

    code = fields.String(required=True)
    why = fields.String(required=True)


class MadeFileSchema(Schema):
    """A file for the bank, and what was left out of it."""

    message_id = fields.String(required=True)
    transfers = fields.Integer(required=True)
    cents = fields.Integer(required=True)
    left_out = fields.List(fields.Nested(LeftOutSchema), required=True)


class SepaFileSchema(Schema):
    """A file for the bank."""

    message_id = fields.String(required=True)
    transfers = fields.Integer(required=True)
    cents = fields.Integer(required=True)
    made_at = fields.DateTime(required=True)


class BankAnswerSchema(Schema):
    """A pain.002 file in Base64."""

    file = fields.String(required=True, validate=validate.Length(min=1, max=6_000_000))


class TransferStatusSchema(Schema):
    """What was refused (codes), taken, and of no file of ours."""

    rejected = fields.List(fields.String(), required=True)
    accepted = fields.Integer(required=True)
    unknown = fields.Integer(required=True)


class HeldFundsSchema(Schema):
    """What is held for one party."""

    party = fields.String(required=True)
    code = fields.String(required=True)
    cents = fields.Integer(required=True)


class FundsSchema(Schema):
    """Others' money (467) against the bank's account (512)."""

    held = fields.List(fields.Nested(HeldFundsSchema), required=True)
    held_cents = fields.Integer(required=True)
    cash_cents = fields.Integer(required=True)
    own_cents = fields.Integer(required=True)
    contracts = fields.Integer(required=True)


@calls.route("/refunds", methods=["GET"])
@calls.response(200, list_of(RefundSchema))
def index() -> Any:
    """Refunds, those that wait for approval first."""
    with unit() as work:
        return {"items": list_refunds(work)}


@calls.route("/refunds", methods=["POST"])
@calls.arguments(RefundAskSchema)
@calls.response(201, RefundSchema)
def ask(body: dict[str, Any]) -> Any:
    """Ask for a refund; above payment.refund_second_cents it waits for a second person."""
    with unit() as work:
        return ask_refund(
            work, front().settings, body["source"], body["amount_cents"], body["reason"], invoice=body["invoice"],
            iban=body["iban"], holder=body["holder"], customer=body["customer"],
        )  # fmt: skip


@calls.route("/refunds/<code:code>/approve", methods=["POST"])
@calls.response(200, RefundSchema)
def approve(code: str) -> Any:
    """Approve: another person than asked, where one is needed."""
    with unit() as work:
        return approve_refund(work, code)


@calls.route("/refunds/<code:code>/cancel", methods=["POST"])
@calls.response(200, RefundSchema)
def cancel(code: str) -> Any:
    """Give up a refund that has not been sent."""
    with unit() as work:
        return cancel_refund(work, code)


@calls.route("/disputes", methods=["GET"])
@calls.response(200, list_of(DisputeSchema))
def disputes() -> Any:
    """Contested card payments, those whose evidence is due first."""
    with unit() as work:
        return {"items": list_disputes(work)}


@calls.route("/payout-holds", methods=["GET"])
@calls.response(200, list_of(PayoutHoldSchema))
def holds() -> Any:
    """Holds on payouts, those that stand first."""
    with unit() as work:
        return {"items": list_holds(work)}


@calls.route("/payout-holds", methods=["POST"])
@calls.arguments(NewPayoutHoldSchema)
@calls.response(201, PayoutHoldSchema)
def hold(body: dict[str, Any]) -> Any:
    """Hold what is paid to an organisation, on suspicion."""
    with unit() as work:
        return hold_payouts(work, body["organisation"], body["reason"])


@calls.route("/payout-holds/<code:code>/clear", methods=["POST"])
@calls.arguments(HoldFindingSchema)
@calls.response(200, PayoutHoldSchema)
def clear(body: dict[str, Any], code: str) -> Any:
    """The first person says what was found."""
    with unit() as work:
        return clear_hold(work, code, body["finding"])


@calls.route("/payout-holds/<code:code>/release", methods=["POST"])
@calls.response(200, PayoutHoldSchema)
def release(code: str) -> Any:
    """A second person lets payouts go."""
    with unit() as work:
        return release_hold(work, code)


@calls.route("/payout-alerts", methods=["GET"])
@calls.response(200, list_of(PayoutAlertSchema))
def alerts() -> Any:
    """What came too often, the newest first."""
    with unit() as work:
        return {"items": list_alerts(work)}


@calls.route("/payouts/<code:code>/returned", methods=["POST"])
@calls.arguments(PayoutReturnedSchema)
@calls.response(204)
def came_back(body: dict[str, Any], code: str) -> None:
    """Say that a payout came back; a statement says so by itself."""
    with unit() as work:
        return_payout(work, code, body["returned_on"], body["reason"])


@calls.route("/sepa-files", methods=["POST"])
@calls.response(201, MadeFileSchema)
def make() -> Any:
    """Make the bank's file of all that is approved; what cannot be paid as it stands is left out."""
    with unit() as work:
        made = make_sepa_file(work, front().settings, LONG_AGO, work.today)
    if made is None:
        raise NotFound("Nothing is approved and waits for a file.")
    return {
        "message_id": made.message_id, "transfers": made.transfers, "cents": made.cents,
        "left_out": [{"code": code, "why": why} for code, why in made.left_out],
    }  # fmt: skip


@calls.route("/sepa-files", methods=["GET"])
@calls.response(200, list_of(SepaFileSchema))
def files() -> Any:
    """Files for the bank, the newest first."""
    with unit() as work:
        return {"items": list_sepa_files(work)}


@calls.route("/sepa-files/<number:message_id>", methods=["GET"])
@calls.response(200, {"type": "string", "format": "binary"}, content_type="application/xml")
def file(message_id: str) -> Response:
    """A file (pain.001), as it was made."""
    with unit() as work:
        content = sepa_file(work, message_id)
    return Response(content, mimetype="application/xml")


@calls.route("/sepa-files/status", methods=["POST"])
@calls.arguments(BankAnswerSchema)
@calls.response(200, TransferStatusSchema)
def status(body: dict[str, Any]) -> Any:
    """Read the bank's answer to a file (pain.002)."""
    try:
        data = base64.b64decode(body["file"], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("Send the file in Base64.", code="bad_status", field="file") from None
    with unit() as work:
        return take_status(work, data)


@calls.route("/third-party-funds", methods=["GET"])
@calls.response(200, FundsSchema)
def funds() -> Any:
    """Others' money, apart from the company's own."""
    with unit() as work:
        return third_party_funds(work)
