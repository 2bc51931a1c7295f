"""The revenue report: three sums that must be one."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.periods import PeriodQuery, period
from api.work import unit
from broker.billing.report import revenue_report

calls = Blueprint("reports", __name__, description="Revenue")


class RevenueRowSchema(Schema):
    """One mailing. Cents of a mailing that is not settled are those its accruals would round to today."""

    mailing = fields.String(required=True)
    kind = fields.String(required=True)
    day = fields.Date(required=True)
    title = fields.String(required=True)
    owner = fields.String(required=True)
    advertiser = fields.String(required=True)
    settled = fields.Boolean(required=True)
    sends = fields.Integer(required=True)
    bounced = fields.Integer(required=True)
    uncertain = fields.Integer(required=True)
    billable = fields.Integer(required=True)
    sends_micros = fields.Integer(required=True)
    other_micros = fields.Integer(required=True)
    gross_cents = fields.Integer(required=True)
    owner_cents = fields.Integer(required=True)
    commission_cents = fields.Integer(required=True)
    ecpm_cents = fields.Integer(required=True)
    ledger_cents = fields.Integer(required=True)
    invoice_cents = fields.Integer(required=True)
    invoice = fields.String(allow_none=True)
    self_bill = fields.String(allow_none=True)
    role = fields.String(required=True, metadata={"description": "principal, agent_of_owner or agent_of_advertiser"})


class RevenueSchema(Schema):
    """The report. Sums are over settled mailings; `balanced`: sends, ledger and invoices say the same."""

    first = fields.Date(required=True)
    last = fields.Date(required=True)
    rows = fields.List(fields.Nested(RevenueRowSchema), required=True)
    sends_micros = fields.Integer(required=True)
    other_micros = fields.Integer(required=True)
    ledger_cents = fields.Integer(required=True)
    invoice_cents = fields.Integer(required=True)
    owner_cents = fields.Integer(required=True)
    commission_cents = fields.Integer(required=True)
    waiting_micros = fields.Integer(required=True)
    balanced = fields.Boolean(required=True)
    complete = fields.Boolean(required=True, metadata={"description": "False for an owner: own documents only."})


@calls.route("/reports/revenue", methods=["GET"])
@calls.arguments(PeriodQuery, location="query")
@calls.response(200, RevenueSchema)
def revenue(query: dict[str, Any]) -> Any:
    """Revenue by mailing, with the sums of sends, ledger and invoices."""
    with unit() as work:
        return revenue_report(work, *period(query, work.today))
