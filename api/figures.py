"""Figures of the books: revenue by dimension, ages, VAT, an owner's statement, conversions, cut-off, forecast."""

from __future__ import annotations

from typing import Any, get_args

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import list_of, one_of, page_of
from api.periods import DayQuery, MonthQuery, PagedPeriodQuery, PeriodQuery, month_of, period
from api.work import unit
from broker.billing.figures import conversions_by_state, cut_off, forecast, revenue_figures
from broker.billing.figures_store import DIMENSIONS
from broker.billing.statements import aged_balances, owner_statement, vat_summary
from broker.kernel.paging import sliced
from broker.rentals.sale_terms import Role

calls = Blueprint("figures", __name__, description="Figures of the books")


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
    role = fields.String(load_default="", validate=validate.OneOf(("", *get_args(Role))))


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
        start, end = period(query, work.today)
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
        return vat_summary(work, *period(query, work.today))


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
    credited_cents = fields.Integer(
        required=True, metadata={"description": "What corrections took back of the total, VAT included."}
    )
    payout = fields.String(required=True)
    paid_on = fields.Date(required=True, allow_none=True)
    reconciled = fields.Boolean(required=True)


@calls.route("/reports/statement", methods=["GET"])
@calls.arguments(PagedPeriodQuery, location="query")
@calls.response(200, page_of(StatementRowSchema))
def statement(query: dict[str, Any]) -> Any:
    """The caller's own statement of account, as an owner; all of it at once is a file (`POST /files`)."""
    with unit() as work:
        work.actor.require("owner")
        return sliced(owner_statement(work, work.actor.org, *period(query, work.today)), query["page"])


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
        return {"items": conversions_by_state(work, *period(query, work.today))}


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
        return cut_off(work, month_of(query["month"]))
