"""Bank statements: read, match, explain, compare with the books."""

from __future__ import annotations

import base64
import binascii
from datetime import date
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, code_field, page_of, text
from api.work import front, unit
from broker.billing.bank.bank_lines import explain_line, list_statements, read_statement, suspense_lines
from broker.billing.bank.import_statement import import_statement
from broker.billing.bank.reconcile_bank import reconcile_bank
from broker.billing.invoices.receipts import assign_receipt
from broker.kernel.errors import InvalidInput
from broker.kernel.paging import sliced

calls = Blueprint("bank", __name__, description="The bank's statements against invoices, payouts and the ledger")


class StatementFileSchema(Schema):
    """A bank's file as it came, in Base64; `columns` names a CSV's headers that are not known."""

    file = fields.String(required=True, validate=validate.Length(min=1, max=6_000_000))
    columns = fields.Dict(
        keys=fields.String(validate=validate.Length(max=20)), values=text(100), load_default=dict,
        metadata={"example": {"amount": "Montant"}},
    )  # fmt: skip


class ImportResultSchema(Schema):
    """What the file brought."""

    statements = fields.List(fields.String(), required=True)
    new = fields.Integer(required=True)
    known = fields.Integer(required=True)
    matched = fields.Integer(required=True)
    payouts = fields.Integer(required=True)
    suspense = fields.Integer(required=True)
    suspense_cents = fields.Integer(required=True)


class BankStatementSchema(Schema):
    """A statement; a CSV has no balances."""

    code = fields.String(required=True)
    source = fields.String(required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    opening_cents = fields.Integer(required=True, allow_none=True)
    closing_cents = fields.Integer(required=True, allow_none=True)
    lines = fields.Integer(required=True)


class BankLineSchema(Schema):
    """A line; `pays` names invoices or payouts, `left_cents` waits in suspense, `hint` says what it may be."""

    code = fields.String(required=True)
    receipt = fields.String(required=True)
    booked_on = fields.Date(required=True)
    amount_cents = fields.Integer(required=True)
    left_cents = fields.Integer(required=True)
    counterparty = fields.String(required=True)
    about = fields.String(required=True)
    kind = fields.String(required=True)
    hint = fields.String(required=True)
    pays = fields.String(required=True)
    explained_account = fields.String(required=True)


@calls.route("/bank/statements", methods=["POST"])
@calls.arguments(StatementFileSchema)
@calls.response(201, ImportResultSchema)
def take(body: dict[str, Any]) -> Any:
    """Read a camt.053 or CSV file; the same file again changes nothing."""
    try:
        data = base64.b64decode(body["file"], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("Send the file in Base64.", code="bad_statement", field="file") from None
    with unit() as work:
        return import_statement(work, front().settings, data, body["columns"])


@calls.route("/bank/statements", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(BankStatementSchema))
def statements(query: dict[str, Any]) -> Any:
    """Statements that were read."""
    with unit() as work:
        return sliced(list_statements(work), query["page"])


@calls.route("/bank/statements/<code:code>/lines", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(BankLineSchema))
def lines(query: dict[str, Any], code: str) -> Any:
    """The lines of a statement."""
    with unit() as work:
        return sliced(read_statement(work, code)[1], query["page"])


@calls.route("/bank/suspense", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(BankLineSchema))
def suspense(query: dict[str, Any]) -> Any:
    """Lines of which something waits on account 471."""
    with unit() as work:
        return sliced(suspense_lines(work), query["page"])


class AssignSchema(Schema):
    """The invoice that a receipt pays."""

    invoice = text(60)


class ReceiptSchema(Schema):
    """A receipt and what is left of it."""

    code = fields.String(required=True)
    received_on = fields.Date(required=True)
    amount_cents = fields.Integer(required=True)
    left_cents = fields.Integer(required=True)
    reference = fields.String(required=True)
    payer = fields.String(required=True)


@calls.route("/bank/receipts/<code:code>/assign", methods=["POST"])
@calls.arguments(AssignSchema)
@calls.response(200, ReceiptSchema)
def assign(body: dict[str, Any], code: str) -> Any:
    """Say that what is left of a receipt pays an invoice."""
    with unit() as work:
        return assign_receipt(work, code, body["invoice"])


class ExplainSchema(Schema):
    """The account of a line in suspense, and its party where the account has one."""

    account = fields.String(required=True, validate=validate.Regexp(r"^[1-8][0-9]{2,9}$"))
    party = code_field(required=False, load_default="")


@calls.route("/bank/lines/<code:code>/explain", methods=["POST"])
@calls.arguments(ExplainSchema)
@calls.response(204)
def explain(body: dict[str, Any], code: str) -> None:
    """Say to which account what is left of a line belongs; a worker books it."""
    with unit() as work:
        explain_line(work, code, body["account"], body["party"])


class DaysQuery(Schema):
    """The days, both included."""

    from_ = fields.Date(data_key="from", required=True)
    to = fields.Date(required=True)


class DifferenceSchema(Schema):
    """What one side shows and the other does not."""

    side = fields.String(required=True)
    reference = fields.String(required=True)
    day = fields.Date(required=True, allow_none=True)
    cents = fields.Integer(required=True)
    about = fields.String(required=True)
    cause = fields.String(required=True)


class ReconciliationSchema(Schema):
    """Account 512 and the bank."""

    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True)
    ledger_cents = fields.Integer(required=True)
    bank_cents = fields.Integer(required=True, allow_none=True)
    bank_on = fields.Date(required=True, allow_none=True)
    equal = fields.Integer(required=True)
    differences = fields.List(fields.Nested(DifferenceSchema), required=True)
    explained_cents = fields.Integer(required=True)
    unexplained_cents = fields.Integer(required=True, allow_none=True)


@calls.route("/bank/reconciliation", methods=["GET"])
@calls.arguments(DaysQuery, location="query")
@calls.response(200, ReconciliationSchema)
def reconciliation(query: dict[str, Any]) -> Any:
    """Compare the statements with account 512; each difference has a proposed cause."""
    first: date = query["from_"]
    with unit() as work:
        return reconcile_bank(work, first, query["to"])
