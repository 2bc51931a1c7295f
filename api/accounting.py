"""Figures by dimension, ages, VAT, cut-off, forecast, closing a month; mandates, roles, contested documents."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, code_field, list_of, one_of, page_of, text, whole
from api.work import front, unit
from broker.billing.close_checks import month_findings
from broker.billing.close_month import ask_close, close_answers, period_state
from broker.billing.contests import (
    contest_invoice,
    list_contests,
    reject_contest,
    sign_correction,
    uphold_contest,
)
from broker.billing.figures import conversions_by_state, cut_off, forecast, revenue_figures
from broker.billing.figures_store import DIMENSIONS
from broker.billing.mandates import list_mandates, list_roles, record_mandate, record_role
from broker.billing.platform import list_documents
from broker.billing.statements import aged_balances, owner_statement, vat_summary
from broker.billing.vat_check import vat_answers

calls = Blueprint("accounting", __name__, description="Figures of the books, closing, mandates and roles")
MONTH = validate.Regexp(r"^(20|21)[0-9]{2}-(0[1-9]|1[0-2])$", error="Write a month as 2026-10.")
ROLES = ("principal", "agent_of_owner", "agent_of_advertiser")
_FAR = timedelta(days=365)


class PeriodQuery(Schema):
    """The days, both included; without them the last year."""

    from_ = fields.Date(data_key="from", load_default=None)
    to = fields.Date(load_default=None)


class FiguresQuery(PeriodQuery):
    """What to ask, and by what to narrow it (each by the key that another answer showed)."""

    by = one_of(*DIMENSIONS, required=False, load_default="owner")
    currency = fields.String(load_default="EUR", validate=validate.Length(max=3))
    owner = fields.String(load_default="", validate=validate.Length(max=60))
    advertiser = fields.String(load_default="", validate=validate.Length(max=60))
    card = fields.String(load_default="", validate=validate.Length(max=60))
    campaign = fields.String(load_default="", validate=validate.Length(max=60))
    mailing = fields.String(load_default="", validate=validate.Length(max=60))
    segment = fields.String(load_default="", validate=validate.Length(max=60))
    sector = fields.String(load_default="", validate=validate.Length(max=60))
    model = fields.String(load_default="", validate=validate.OneOf(("", "cpm", "cpc", "cpl", "cpa")))
    role = fields.String(load_default="", validate=validate.OneOf(("", *ROLES)))


class FigureSchema(Schema):
    """One value of a dimension; the total has an empty key."""

    key = fields.String(required=True)
    name = fields.String(required=True)
    sends = fields.Integer(required=True, metadata={"description": "Accepted by a receiving server."})
    billable = fields.Integer(required=True)
    conversions = fields.Integer(required=True)
    gross_micros = fields.Integer(required=True)
    owner_micros = fields.Integer(required=True)
    commission_micros = fields.Integer(required=True)
    per_send_micros = fields.Integer(required=True)
    ecpm_cents = fields.Integer(required=True)


class FiguresSchema(Schema):
    """The rows of a question and their sum; `down` is the dimension one step nearer to the sends."""

    first = fields.Date(required=True)
    last = fields.Date(required=True)
    by = fields.String(required=True)
    down = fields.String(required=True)
    rows = fields.List(fields.Nested(FigureSchema), required=True)
    total = fields.Nested(FigureSchema, required=True)


@calls.route("/reports/figures", methods=["GET"])
@calls.arguments(FiguresQuery, location="query")
@calls.response(200, FiguresSchema)
def figures(query: dict[str, Any]) -> Any:
    """Revenue as it accrued, by a dimension; an owner sees its own."""
    with unit() as work:
        start, end = _period(query, work.today)
        filters = {name: query[name] for name in DIMENSIONS if query.get(name)}
        return revenue_figures(work, start, end, query["by"], filters, query["currency"])


class AgedSchema(Schema):
    """What a party owes us (411), is owed (401), or has with us as agent (467), by days past due, in cents."""

    party = fields.String(required=True)
    account = fields.String(required=True)
    not_due = fields.Integer(required=True)
    to_30 = fields.Integer(required=True)
    to_60 = fields.Integer(required=True)
    to_90 = fields.Integer(required=True)
    older = fields.Integer(required=True)
    total = fields.Integer(required=True)


class DayQuery(Schema):
    """A day; without it today."""

    on = fields.Date(load_default=None)


@calls.route("/reports/aged", methods=["GET"])
@calls.arguments(DayQuery, location="query")
@calls.response(200, list_of(AgedSchema))
def aged(query: dict[str, Any]) -> Any:
    """Aged balances."""
    with unit() as work:
        return {"items": aged_balances(work, query["on"] or work.today)}


class VatSchema(Schema):
    """VAT of a period in cents, from the ledger."""

    due_cents = fields.Integer(required=True)
    self_assessed_cents = fields.Integer(required=True)
    deductible_cents = fields.Integer(required=True)
    payable_cents = fields.Integer(required=True)
    waiting_due_cents = fields.Integer(required=True)
    waiting_deductible_cents = fields.Integer(required=True)


@calls.route("/reports/vat", methods=["GET"])
@calls.arguments(PeriodQuery, location="query")
@calls.response(200, VatSchema)
def vat(query: dict[str, Any]) -> Any:
    """VAT that fell due, can be deducted, still waits."""
    with unit() as work:
        return vat_summary(work, *_period(query, work.today))


class StatementRowSchema(Schema):
    """One mailing of an owner: sends → billable → document → payout."""

    mailing = fields.String(required=True)
    day = fields.Date(required=True)
    sends = fields.Integer(required=True)
    billable = fields.Integer(required=True)
    owner_micros = fields.Integer(required=True)
    self_bill = fields.String(required=True)
    net_cents = fields.Integer(required=True)
    vat_cents = fields.Integer(required=True)
    total_cents = fields.Integer(required=True)
    payout = fields.String(required=True)
    paid_on = fields.Date(required=True, allow_none=True)
    reconciled = fields.Boolean(required=True)


@calls.route("/reports/statement", methods=["GET"])
@calls.arguments(PeriodQuery, location="query")
@calls.response(200, list_of(StatementRowSchema))
def statement(query: dict[str, Any]) -> Any:
    """The caller's own statement of account, as an owner."""
    with unit() as work:
        work.actor.require("owner")
        return {"items": owner_statement(work, work.actor.org, *_period(query, work.today))}


class ConversionsSchema(Schema):
    """How many conversions of a kind stand in a state."""

    kind = fields.String(required=True)
    state = fields.String(required=True)
    number = fields.Integer(required=True)
    micros = fields.Integer(required=True)


@calls.route("/reports/conversions", methods=["GET"])
@calls.arguments(PeriodQuery, location="query")
@calls.response(200, list_of(ConversionsSchema))
def conversions(query: dict[str, Any]) -> Any:
    """Conversions received in a period, by kind and state."""
    with unit() as work:
        return {"items": conversions_by_state(work, *_period(query, work.today))}


class MonthForecastSchema(Schema):
    """What this month will bring."""

    month = fields.Date(required=True)
    accrued_micros = fields.Integer(required=True)
    planned_mailings = fields.Integer(required=True)
    planned_micros = fields.Integer(required=True)
    arrival_bp = fields.Integer(required=True)
    total_micros = fields.Integer(required=True)
    commission_micros = fields.Integer(required=True)


@calls.route("/reports/forecast", methods=["GET"])
@calls.response(200, MonthForecastSchema)
def month_forecast() -> Any:
    """The forecast of the month that runs."""
    with unit() as work:
        return forecast(work, work.today)


class MonthQuery(Schema):
    """A month."""

    month = fields.String(required=True, validate=MONTH)


class AccruedSchema(Schema):
    """A mailing whose sends are billed later."""

    mailing = fields.String(required=True)
    role = fields.String(required=True)
    revenue_cents = fields.Integer(required=True)
    cost_cents = fields.Integer(required=True)


class CutOffSchema(Schema):
    """Deferred and accrued revenue at the end of a month; `deferred` is account → cents."""

    last = fields.Date(required=True)
    accrued = fields.List(fields.Nested(AccruedSchema), required=True)
    deferred = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    accrued_cents = fields.Integer(required=True)
    cost_cents = fields.Integer(required=True)


@calls.route("/reports/cut-off", methods=["GET"])
@calls.arguments(MonthQuery, location="query")
@calls.response(200, CutOffSchema)
def at_cut_off(query: dict[str, Any]) -> Any:
    """What the close of a month accrues, and what stands deferred."""
    with unit() as work:
        return cut_off(work, _month(query["month"]))


class FindingSchema(Schema):
    """Something that a check found."""

    code = fields.String(required=True)
    blocks = fields.Boolean(required=True)
    count = fields.Integer(required=True)
    examples = fields.List(fields.String(), required=True)
    say = fields.String(required=True, attribute="en")


class AskSchema(Schema):
    """An ask, and whether it was treated."""

    target = fields.String(required=True)
    asked_at = fields.DateTime(required=True)
    done_at = fields.DateTime(required=True, allow_none=True)


class CloseSchema(Schema):
    """Where a month stands: its state, what the checks find now, what was asked for."""

    month = fields.String(required=True)
    state = fields.String(required=True)
    findings = fields.List(fields.Nested(FindingSchema), required=True)
    asks = fields.List(fields.Nested(AskSchema), required=True)


class CloseRequest(MonthQuery):
    """Which month, and how firmly."""

    target = one_of("soft_closed", "locked", required=False, load_default="locked")


@calls.route("/ledger/close", methods=["GET"])
@calls.arguments(MonthQuery, location="query")
@calls.response(200, CloseSchema)
def close_state(query: dict[str, Any]) -> Any:
    """Look at a month; nothing changes."""
    return _close(_month(query["month"]))


@calls.route("/ledger/close", methods=["POST"])
@calls.arguments(CloseRequest)
@calls.response(202, CloseSchema)
def close(body: dict[str, Any]) -> Any:
    """Ask a worker to close a month; asked again it changes nothing."""
    month = _month(body["month"])
    with unit() as work:
        ask_close(work, month, body["target"])
    return _close(month)


class InvoicingMandateSchema(Schema):
    """An owner's word that invoices may be issued in its name."""

    code = fields.String(required=True)
    owner = fields.String(required=True)
    reference = fields.String(required=True)
    signatory = fields.String(required=True)
    signed_on = fields.Date(required=True)
    ends_on = fields.Date(required=True, allow_none=True)
    contest_days = fields.Integer(required=True)


class NewInvoicingMandate(Schema):
    """A signed mandate; an owner leaves `owner` out."""

    owner = fields.String(load_default="", validate=validate.Length(max=60))
    reference = text(140)
    signatory = text(140)
    signed_on = fields.Date(required=True)
    contest_days = whole(1, 365, required=False, load_default=30)


@calls.route("/invoicing-mandates", methods=["GET"])
@calls.response(200, list_of(InvoicingMandateSchema))
def mandates() -> Any:
    """The mandates that the caller is a party of."""
    with unit() as work:
        work.actor.require("owner", "broker", "accountant")
        return {"items": list_mandates(work)}


@calls.route("/invoicing-mandates", methods=["POST"])
@calls.arguments(NewInvoicingMandate)
@calls.response(201, InvoicingMandateSchema)
def new_mandate(body: dict[str, Any]) -> Any:
    """Record a mandate to invoice in an owner's name."""
    with unit() as work:
        return record_mandate(work, body.pop("owner"), **body)


class RoleSchema(Schema):
    """In whose name we sell for a party."""

    code = fields.String(required=True)
    party = fields.String(required=True)
    role = fields.String(required=True)
    reference = fields.String(required=True)
    signatory = fields.String(required=True)
    signed_on = fields.Date(required=True)
    ends_on = fields.Date(required=True, allow_none=True)
    pay_when_paid = fields.Boolean(required=True)


class NewRole(Schema):
    """A signed contract."""

    party = code_field()
    role = one_of(*ROLES)
    reference = text(140)
    signatory = text(140)
    signed_on = fields.Date(required=True)
    pay_when_paid = fields.Boolean(load_default=False)


@calls.route("/roles", methods=["GET"])
@calls.response(200, list_of(RoleSchema))
def roles() -> Any:
    """The role contracts that the caller is a party of."""
    with unit() as work:
        return {"items": list_roles(work)}


@calls.route("/roles", methods=["POST"])
@calls.arguments(NewRole)
@calls.response(201, RoleSchema)
def new_role(body: dict[str, Any]) -> Any:
    """Record in whose name we sell for a party; orders quoted from then on follow it."""
    with unit() as work:
        return record_role(work, body.pop("party"), body.pop("role"), **body)


class ContestSchema(Schema):
    """A contested document."""

    code = fields.String(required=True)
    owner = fields.String(required=True)
    number = fields.String(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True)
    net_cents = fields.Integer(required=True, allow_none=True)
    answer = fields.String(required=True)
    raised_at = fields.DateTime(required=True)
    credit = fields.String(required=True)


class Reason(Schema):
    """What is wrong, or why it stands."""

    reason = text(2_000)


class Upheld(Schema):
    """By how much the owner is right, before VAT."""

    net_cents = whole(1)
    answer = fields.String(load_default="", validate=validate.Length(max=2_000))


@calls.route("/contests", methods=["GET"])
@calls.response(200, list_of(ContestSchema))
def contests() -> Any:
    """Contested documents that the caller is a party of, those that wait first."""
    with unit() as work:
        return {"items": list_contests(work)}


@calls.route("/invoices/<number:number>/contest", methods=["POST"])
@calls.arguments(Reason)
@calls.response(201, ContestSchema)
def contest(body: dict[str, Any], number: str) -> Any:
    """Contest a document issued in one's name; it is not paid until this is answered."""
    with unit() as work:
        return contest_invoice(work, number, body["reason"])


@calls.route("/contests/<code:code>/reject", methods=["POST"])
@calls.arguments(Reason)
@calls.response(200, ContestSchema)
def reject(body: dict[str, Any], code: str) -> Any:
    """The document stands."""
    with unit() as work:
        return reject_contest(work, code, body["reason"])


@calls.route("/contests/<code:code>/uphold", methods=["POST"])
@calls.arguments(Upheld)
@calls.response(200, ContestSchema)
def uphold(body: dict[str, Any], code: str) -> Any:
    """The owner is right: a credit note is prepared for its signature, or issued, as the settings say."""
    with unit() as work:
        return uphold_contest(work, front().settings, code, body["net_cents"], body["answer"])


@calls.route("/contests/<code:code>/sign", methods=["POST"])
@calls.response(200, ContestSchema)
def sign(code: str) -> Any:
    """The owner signs the credit note that was prepared."""
    with unit() as work:
        return sign_correction(work, code)


class VatAnswerSchema(Schema):
    """What a register said about a VAT number."""

    party = fields.String(required=True)
    vat_number = fields.String(required=True)
    valid = fields.Boolean(required=True)
    name = fields.String(required=True)
    consultation = fields.String(required=True)
    source = fields.String(required=True)
    asked_at = fields.DateTime(required=True)


@calls.route("/vat-answers", methods=["GET"])
@calls.response(200, list_of(VatAnswerSchema))
def answers() -> Any:
    """Stored answers about VAT numbers, the newest first."""
    with unit() as work:
        return {"items": vat_answers(work)}


class PlatformDocumentSchema(Schema):
    """A document at the platform of electronic invoicing."""

    code = fields.String(required=True)
    flow = fields.String(required=True)
    number = fields.String(required=True)
    supplier = fields.String(required=True)
    issued_on = fields.Date(required=True)
    total_cents = fields.Integer(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)


@calls.route("/platform/documents", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(PlatformDocumentSchema))
def platform(query: dict[str, Any]) -> Any:
    """What was deposited and received."""
    with unit() as work:
        return list_documents(work, "", query["page"])


def _close(month: date) -> dict[str, Any]:
    with unit() as work:
        return {
            "month": f"{month:%Y-%m}",
            "state": period_state(work, month),
            "findings": month_findings(work, front().settings, month),
            "asks": close_answers(work, month),
        }


def _month(written: str) -> date:
    return date.fromisoformat(f"{written}-01")


def _period(query: dict[str, Any], today: date) -> tuple[date, date]:
    end: date = query["to"] or today
    start: date | None = query["from_"]
    return start or (end - _FAR if end.year > 1 else end), end
