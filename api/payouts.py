"""Payouts to owners and the bank accounts they go to, under four eyes."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import code_field, list_of, text, whole
from api.work import front, unit
from broker.billing.bank.bank_accounts import approve_bank_account, propose_bank_account
from broker.billing.bank.owner_balances import owner_balances
from broker.billing.bank.payout_thresholds import MOST_CENTS, list_thresholds, set_threshold
from broker.billing.bank.payouts import approve_payout, confirm_payout, fail_payout, list_payouts, propose_payouts

calls = Blueprint("payouts", __name__, description="Money for owners: proposed by one person, approved by another")


class PayoutSchema(Schema):
    """A payout and the documents it pays."""

    code = fields.String(required=True)
    owner = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    end_to_end_id = fields.String(required=True)
    state = fields.String(required=True)
    paid_on = fields.Date(required=True, allow_none=True)
    invoices = fields.List(fields.String(), required=True)


class UntilSchema(Schema):
    """What falls due until this day is proposed."""

    until = fields.Date(required=True)


class PaidSchema(Schema):
    """The day on which it left our account."""

    paid_on = fields.Date(required=True)


class PayoutReasonSchema(Schema):
    """Why it failed."""

    reason = text(200)


@calls.route("/payouts", methods=["GET"])
@calls.response(200, list_of(PayoutSchema))
def index() -> Any:
    """All payouts that the caller may see."""
    with unit() as work:
        return {"items": list_payouts(work)}


@calls.route("/payouts", methods=["POST"])
@calls.arguments(UntilSchema)
@calls.response(201, list_of(PayoutSchema))
def propose(body: dict[str, Any]) -> Any:
    """Propose a payout for each owner that has something due."""
    with unit() as work:
        return {"items": propose_payouts(work, front().settings, body["until"])}


class OwnerBalanceSchema(Schema):
    """An owner's money. `state`: negative (it owes us: that nets, nothing is paid), below (the threshold; paid on
    `due_on`), to_come, due, nothing. `books_cents` (401 and 467) is for staff; `gateway_cents` stands on its account
    at the gateway, null where it has none."""

    owner = fields.String(required=True)
    owner_code = fields.String(required=True)
    state = fields.String(required=True)
    owed_cents = fields.Integer(required=True)
    waiting_cents = fields.Integer(required=True)
    contested_cents = fields.Integer(required=True)
    corrections_cents = fields.Integer(required=True)
    due_on = fields.Date(required=True, allow_none=True)
    under_way_cents = fields.Integer(required=True)
    books_cents = fields.Integer(required=True, allow_none=True)
    gateway_cents = fields.Integer(required=True, allow_none=True)
    gateway_at = fields.DateTime(required=True, allow_none=True)
    threshold_cents = fields.Integer(required=True)


class ThresholdSchema(Schema):
    """From which sum on an owner is paid before its due date. Without a day: the setting, until one is entered."""

    currency = fields.String(required=True)
    since = fields.Date(required=True, allow_none=True)
    cents = fields.Integer(required=True)
    by = fields.String(required=True)
    set_at = fields.DateTime(required=True, allow_none=True)
    in_force = fields.Boolean(required=True)


class NewThresholdSchema(Schema):
    """A threshold from a day on; from today without one."""

    currency = text(3, least=3, required=False, load_default="EUR")
    cents = whole(0, MOST_CENTS)
    since = fields.Date(load_default=None, allow_none=True)


@calls.route("/payouts/balances", methods=["GET"])
@calls.response(200, list_of(OwnerBalanceSchema))
def balances() -> Any:
    """What each owner is owed, in the books and at the gateway, those below zero first; an owner gets its own."""
    with unit() as work:
        return {"items": owner_balances(work, front().settings)}


@calls.route("/payouts/thresholds", methods=["GET"])
@calls.response(200, list_of(ThresholdSchema))
def thresholds() -> Any:
    """Thresholds by currency, the newest day first."""
    with unit() as work:
        return {"items": list_thresholds(work, front().settings)}


@calls.route("/payouts/thresholds", methods=["POST"])
@calls.arguments(NewThresholdSchema)
@calls.response(201, list_of(ThresholdSchema))
def enter_threshold(body: dict[str, Any]) -> Any:
    """Enter a threshold; the list as it is then."""
    with unit() as work:
        set_threshold(work, body["currency"], body["cents"], body["since"])
        return {"items": list_thresholds(work, front().settings)}


@calls.route("/payouts/<code:code>/approve", methods=["POST"])
@calls.response(200, PayoutSchema)
def approve(code: str) -> Any:
    """Approve: by another person than proposed it, within payment.day_limit_cents."""
    with unit() as work:
        return approve_payout(work, code, front().settings.payment.day_limit_cents)


@calls.route("/payouts/<code:code>/confirm", methods=["POST"])
@calls.arguments(PaidSchema)
@calls.response(200, PayoutSchema)
def confirm(body: dict[str, Any], code: str) -> Any:
    """Say that an exported payout has left our account; a bank statement says so by itself."""
    with unit() as work:
        return confirm_payout(work, code, body["paid_on"])


@calls.route("/payouts/<code:code>/fail", methods=["POST"])
@calls.arguments(PayoutReasonSchema)
@calls.response(200, PayoutSchema)
def fail(body: dict[str, Any], code: str) -> Any:
    """Give a payout up; its documents can be proposed again."""
    with unit() as work:
        return fail_payout(work, code, body["reason"])


class BankAccountSchema(Schema):
    """Where an owner is paid; the IBAN is shown in part."""

    code = fields.String(required=True)
    holder = fields.String(required=True)
    iban = fields.String(required=True, attribute="masked")
    state = fields.String(required=True)
    proposed_at = fields.DateTime(required=True)


class NewAccountSchema(Schema):
    """A proposal; staff names the organisation."""

    holder = text(70)
    iban = text(42)
    bic = text(11, least=0, required=False, load_default="")
    organisation = code_field(required=False, load_default=None)


@calls.route("/bank-accounts", methods=["POST"])
@calls.arguments(NewAccountSchema)
@calls.response(201, BankAccountSchema)
def propose_account(body: dict[str, Any]) -> Any:
    """Propose where an owner is paid: it waits payment.iban_wait_hours, and a second person approves it."""
    with unit() as work:
        return propose_bank_account(work, body["holder"], body["iban"], body["bic"], body["organisation"])


@calls.route("/bank-accounts/<code:code>/approve", methods=["POST"])
@calls.response(200, BankAccountSchema)
def approve_account(code: str) -> Any:
    """Approve a proposed account: a second person."""
    with unit() as work:
        return approve_bank_account(work, code)
