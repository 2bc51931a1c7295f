"""The payment gateway: saved means, ways to pay, owners' accounts there, transfers taken back, its balance."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import code_field, list_of, text
from api.work import front, unit
from broker.billing.gateway.connect import ask_connect, find_connect, list_connect, open_account, papers_address
from broker.billing.gateway.gateway_balance import ask_reading_now, explain_gateway_line
from broker.billing.gateway.gateway_payouts import ask_gateway_payout
from broker.billing.gateway.means import list_means, remove_means, save_means
from broker.billing.gateway.pay_with_means import pay_with_means
from broker.billing.gateway.payment_rules import METHODS, find_rule, set_rule
from broker.billing.gateway.reconcile_gateway import list_lines, reconcile_gateway
from broker.billing.gateway.reversals import approve_reversal, drop_reversal, list_reversals, propose_reversals

calls = Blueprint("payment_gateway", __name__, description="Cards, debits, owners' accounts and the gateway's balance")


class SavedMeansSchema(Schema):
    """A saved card or SEPA mandate; of its number nothing but the end."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True)
    label = fields.String(required=True)
    expires_on = fields.Date(required=True, allow_none=True)
    mandate = fields.String(required=True)
    mandate_url = fields.String(required=True)


class MeansKindSchema(Schema):
    """What is to be saved."""

    kind = fields.String(required=True, validate=validate.OneOf(METHODS))


class AddressSchema(Schema):
    """A page of the gateway, to be opened by a person."""

    address = fields.String(required=True)


class PayWithSchema(Schema):
    """The saved means that pays."""

    means = code_field()


class StartedPaymentSchema(Schema):
    """A payment that a worker makes; a debit on or after `debit_on`."""

    code = fields.String(required=True)
    state = fields.String(required=True)
    method = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    debit_on = fields.Date(required=True, allow_none=True)


class PaymentRuleSchema(Schema):
    """How an advertiser may pay; `debit`: its order waits, or goes on credit, while a direct debit is under way."""

    methods = fields.List(
        fields.String(validate=validate.OneOf(METHODS)), required=True, validate=validate.Length(min=1, max=2)
    )
    debit = fields.String(required=True, validate=validate.OneOf(["wait", "credit"]))


@calls.route("/payment-means", methods=["GET"])
@calls.response(200, list_of(SavedMeansSchema))
def means() -> Any:
    """What the advertiser saved."""
    with unit() as work:
        return {"items": list_means(work)}


@calls.route("/payment-means", methods=["POST"])
@calls.arguments(MeansKindSchema)
@calls.response(201, AddressSchema)
def save(body: dict[str, Any]) -> Any:
    """Begin to save a card or a mandate: a person opens the page and gives it there."""
    with unit() as work:
        return {"address": save_means(work, front().settings, front().gateway(), body["kind"])}


@calls.route("/payment-means/<code:code>", methods=["DELETE"])
@calls.response(204)
def remove(code: str) -> None:
    """Forget a saved means, here and at the gateway."""
    with unit() as work:
        remove_means(work, code)


@calls.route("/orders/<code:code>/pay-with", methods=["POST"])
@calls.arguments(PayWithSchema)
@calls.response(201, StartedPaymentSchema)
def pay(body: dict[str, Any], code: str) -> Any:
    """Pay an approved order from a saved means."""
    with unit() as work:
        return pay_with_means(work, front().settings, front().gateway(), code, body["means"])


@calls.route("/advertisers/<code:code>/payment-rule", methods=["GET"])
@calls.response(200, PaymentRuleSchema)
def rule(code: str) -> Any:
    """How an advertiser may pay."""
    with unit() as work:
        return find_rule(work, front().settings, code)


@calls.route("/advertisers/<code:code>/payment-rule", methods=["PUT"])
@calls.arguments(PaymentRuleSchema)
@calls.response(200, PaymentRuleSchema)
def change_rule(body: dict[str, Any], code: str) -> Any:
    """Say how an advertiser may pay: the broker."""
    with unit() as work:
        return set_rule(work, front().settings, code, body["methods"], body["debit"])


class ConnectAccountSchema(Schema):
    """An owner's account at the gateway; `due`: papers that it asks for. Only one that is `ready` is paid to."""

    code = fields.String(required=True)
    owner = fields.String(required=True)
    standing = fields.String(required=True)
    due = fields.List(fields.String(), required=True)
    disabled_reason = fields.String(required=True)
    read_at = fields.DateTime(required=True, allow_none=True)


@calls.route("/connect-accounts", methods=["GET"])
@calls.response(200, list_of(ConnectAccountSchema))
def accounts() -> Any:
    """The owner's own account, or all of them for staff."""
    with unit() as work:
        if work.actor.role != "owner":
            return {"items": list_connect(work)}
        mine = find_connect(work)
        return {"items": [] if mine is None else [mine]}


@calls.route("/connect-accounts", methods=["POST"])
@calls.response(201, ConnectAccountSchema)
def open_() -> Any:
    """The owner asks for an account; asked again, it is the same."""
    with unit() as work:
        return open_account(work, front().settings)


@calls.route("/connect-accounts/papers", methods=["POST"])
@calls.response(201, AddressSchema)
def papers() -> Any:
    """The address where the owner gives its papers: good once, for some minutes."""
    with unit() as work:
        return {"address": papers_address(work, front().settings, front().gateway())}


@calls.route("/connect-accounts/<code:code>/read", methods=["POST"])
@calls.response(204)
def read_account(code: str) -> None:
    """Have an account read again at the gateway: staff."""
    with unit() as work:
        ask_connect(work, code)


class ReversalSchema(Schema):
    """Money of a transfer taken back for corrections of an owner's bills."""

    code = fields.String(required=True)
    owner = fields.String(required=True)
    payout = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    problem = fields.String(required=True)
    done_on = fields.Date(required=True, allow_none=True)
    invoices = fields.List(fields.String(), required=True)


class NewReversalSchema(Schema):
    """Whose transfers, and why: the owner reads it."""

    owner = code_field()
    reason = text(500)


@calls.route("/reversals", methods=["GET"])
@calls.response(200, list_of(ReversalSchema))
def reversals() -> Any:
    """Those that the caller may see."""
    with unit() as work:
        return {"items": list_reversals(work)}


@calls.route("/reversals", methods=["POST"])
@calls.arguments(NewReversalSchema)
@calls.response(201, list_of(ReversalSchema))
def propose(body: dict[str, Any]) -> Any:
    """Propose to take back what corrections left an owner paid too much."""
    with unit() as work:
        return {"items": propose_reversals(work, body["owner"], body["reason"])}


@calls.route("/reversals/<code:code>/approve", methods=["POST"])
@calls.response(200, ReversalSchema)
def approve(code: str) -> Any:
    """Approve: another person than proposed it."""
    with unit() as work:
        return approve_reversal(work, code)


@calls.route("/reversals/<code:code>/drop", methods=["POST"])
@calls.response(200, ReversalSchema)
def drop(code: str) -> Any:
    """Give it up: its corrections net into the next payout."""
    with unit() as work:
        return drop_reversal(work, code)


class GatewayPeriodSchema(Schema):
    """The days that are compared."""

    from_ = fields.Date(required=True, data_key="from")
    to = fields.Date(required=True)


class GatewayDifferenceSchema(Schema):
    """What one side shows and the other does not, with a proposed cause."""

    side = fields.String(required=True)
    code = fields.String(required=True)
    reference = fields.String(required=True)
    kind = fields.String(required=True)
    day = fields.Date(required=True)
    cents = fields.Integer(required=True)
    cause = fields.String(required=True)


class GatewayReconciliationSchema(Schema):
    """The gateway's balance, its lines and the books."""

    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    read_at = fields.DateTime(required=True, allow_none=True)
    available_cents = fields.Integer(required=True)
    pending_cents = fields.Integer(required=True)
    lines_cents = fields.Integer(required=True)
    ledger_cents = fields.Integer(required=True)
    equal = fields.Integer(required=True)
    unexplained_cents = fields.Integer(required=True)
    history_cents = fields.Integer(required=True)
    differences = fields.List(fields.Nested(GatewayDifferenceSchema), required=True)


class GatewayLineSchema(Schema):
    """A line of the balance; `whose` is the code of our payment, payout or reversal."""

    code = fields.String(required=True)
    reference = fields.String(required=True)
    kind = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    fee_cents = fields.Integer(required=True)
    booked_cents = fields.Integer(required=True)
    currency = fields.String(required=True)
    moved_on = fields.Date(required=True)
    available_on = fields.Date(required=True)
    available = fields.Boolean(required=True)
    whose = fields.String(required=True)


class GatewayPlaceSchema(Schema):
    """The account of a line, and its party where the account has one."""

    account = fields.String(required=True, validate=validate.Regexp(r"^[1-8][0-9]{2,9}$"))
    party = code_field(required=False, load_default="")


class GatewaySumSchema(Schema):
    """An amount of the balance for our bank."""

    amount_cents = fields.Integer(required=True, validate=validate.Range(min=1, max=10**12))


class GatewayPayoutSchema(Schema):
    """Money of the balance on its way to our bank."""

    code = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    state = fields.String(required=True)
    problem = fields.String(required=True)
    sent_on = fields.Date(required=True, allow_none=True)


@calls.route("/gateway/reconciliation", methods=["GET"])
@calls.arguments(GatewayPeriodSchema, location="query")
@calls.response(200, GatewayReconciliationSchema)
def reconciliation(query: dict[str, Any]) -> Any:
    """The balance against the books, line by line."""
    with unit() as work:
        return reconcile_gateway(work, query["from_"], query["to"])


@calls.route("/gateway/lines", methods=["GET"])
@calls.arguments(GatewayPeriodSchema, location="query")
@calls.response(200, list_of(GatewayLineSchema))
def lines(query: dict[str, Any]) -> Any:
    """The lines of the balance with what the books say of each."""
    with unit() as work:
        return {"items": list_lines(work, query["from_"], query["to"])}


@calls.route("/gateway/readings", methods=["POST"])
@calls.response(204)
def read() -> None:
    """Have the balance read: a worker does it."""
    with unit() as work:
        ask_reading_now(work)


@calls.route("/gateway/lines/<code:code>/explain", methods=["POST"])
@calls.arguments(GatewayPlaceSchema)
@calls.response(204)
def explain(body: dict[str, Any], code: str) -> None:
    """Say to which account a line belongs that nothing of ours made."""
    with unit() as work:
        explain_gateway_line(work, code, body["account"], body["party"])


@calls.route("/gateway/payouts", methods=["POST"])
@calls.arguments(GatewaySumSchema)
@calls.response(201, GatewayPayoutSchema)
def pay_out(body: dict[str, Any]) -> Any:
    """Send money of the balance to our bank."""
    with unit() as work:
        return ask_gateway_payout(work, body["amount_cents"])
