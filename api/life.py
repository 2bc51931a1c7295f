"""The life of a base: enrichments, fields that grow stale, upkeep costs against revenue, retention."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import code_field, list_of, one_of, text, whole
from api.work import unit
from broker.bases.costs import add_cost, change_cost, list_costs, remove_cost
from broker.bases.costs_model import RHYTHMS, Cost
from broker.bases.enrich import changes_by, list_enrichments
from broker.bases.list_retention import retention_outlook
from broker.bases.stale_fields import LONGEST_MONTHS, list_reminders, list_watches, stop_watching, watch_field
from broker.billing.base_balance import LONGEST, MonthBalance, base_balance

calls = Blueprint("life", __name__, description="Enrichment, reminders, costs and revenue, retention of a base")
MOST_CENTS = 100_000_000_000


class EnrichmentSchema(Schema):
    """A file that added to known contacts."""

    code = fields.String(required=True)
    file_name = fields.String(required=True)
    state = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    ended_at = fields.DateTime(required=True, allow_none=True)
    rows_read = fields.Integer(required=True)
    accepted = fields.Integer(required=True, metadata={"description": "contacts that the base had"})
    unknown = fields.Integer(required=True, metadata={"description": "not in the base, not added"})
    filled = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    confirmed = fields.Integer(required=True)


class ChangeSchema(Schema):
    """One field: filled + changed + confirmed + cleared + kept is the number of contacts."""

    field = fields.String(required=True)
    given = fields.Integer(required=True, metadata={"description": "for whom the file had a value"})
    filled = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    confirmed = fields.Integer(required=True)
    cleared = fields.Integer(required=True)
    kept = fields.Integer(required=True)


class WatchSchema(Schema):
    """A field, and after how many months to be reminded of it."""

    field = text(80)
    months = whole(1, LONGEST_MONTHS)


class StopSchema(Schema):
    """A field that is watched no more."""

    field = text(80)


class ReminderSchema(Schema):
    """A field that grew stale: files renewed `renewed` of `contacts` values within `months`."""

    base_code = fields.String(required=True)
    base_name = fields.String(required=True)
    field = fields.String(required=True)
    months = fields.Integer(required=True)
    contacts = fields.Integer(required=True)
    renewed = fields.Integer(required=True)
    last_given_on = fields.Date(required=True, allow_none=True)
    since = fields.Date(required=True)


class NewCost(Schema):
    """An upkeep cost; a monthly one may have a last day."""

    label = text(200)
    rhythm = one_of(*RHYTHMS)
    amount_cents = whole(1, MOST_CENTS)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(load_default=None, allow_none=True)


class CostSchema(Schema):
    """The same as stored."""

    code = code_field()
    label = fields.String(required=True)
    rhythm = fields.String(required=True)
    amount_cents = fields.Integer(required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True, allow_none=True)


class BalanceQuery(Schema):
    """How many months, this one included."""

    months = fields.Integer(load_default=12, validate=validate.Range(min=1, max=LONGEST))


class MonthSchema(Schema):
    """One month in cents, the owner's part."""

    month = fields.Date(required=True)
    settled_cents = fields.Integer(required=True)
    accrued_cents = fields.Integer(required=True)
    cost_cents = fields.Integer(required=True)
    result_cents = fields.Integer(required=True)


class BalanceSchema(Schema):
    """A period, its sums, and the result for a thousand contacts of today."""

    months = fields.List(fields.Nested(MonthSchema), required=True)
    total = fields.Nested(MonthSchema, required=True)
    contacts = fields.Integer(required=True)
    result_per_thousand_cents = fields.Integer(required=True, allow_none=True)
    result_per_contact_micros = fields.Integer(required=True, allow_none=True)


class ForecastSchema(Schema):
    """So many leave on a day, by relation and the kind of their last sign of life."""

    relation = fields.String(required=True)
    last_kind = fields.String(required=True)
    erase_on = fields.Date(required=True)
    contacts = fields.Integer(required=True)


class ReportSchema(Schema):
    """What one night's job did."""

    ran_at = fields.DateTime(required=True)
    customer_months = fields.Integer(required=True)
    prospect_months = fields.Integer(required=True)
    contacts = fields.Integer(required=True)
    warned = fields.Integer(required=True)
    revived = fields.Integer(required=True)
    erased = fields.Integer(required=True)
    waiting = fields.Integer(required=True)


class OutlookSchema(Schema):
    """Who leaves within thirty days and why, and the nights' reports."""

    waiting = fields.Integer(required=True)
    forecast = fields.List(fields.Nested(ForecastSchema), required=True)
    reports = fields.List(fields.Nested(ReportSchema), required=True)


@calls.route("/bases/<code:base>/enrichments", methods=["GET"])
@calls.response(200, list_of(EnrichmentSchema))
def enrichments(base: str) -> dict[str, Any]:
    """The enrichments of a base, newest first."""
    with unit() as work:
        return {"items": list_enrichments(work, base)}


@calls.route("/imports/<code:code>/changes", methods=["GET"])
@calls.response(200, list_of(ChangeSchema))
def changes(code: str) -> dict[str, Any]:
    """What an enrichment changed, field by field."""
    with unit() as work:
        return {"items": changes_by(work, code)}


@calls.route("/bases/<code:base>/watches", methods=["GET"])
@calls.response(200, list_of(WatchSchema))
def watches(base: str) -> dict[str, Any]:
    """The fields that are watched."""
    with unit() as work:
        return {"items": list_watches(work, base)}


@calls.route("/bases/<code:base>/watches", methods=["POST"])
@calls.arguments(WatchSchema)
@calls.response(201, WatchSchema)
def watch(body: dict[str, Any], base: str) -> Any:
    """Be reminded when fewer than half of a field's values were renewed within so many months."""
    with unit() as work:
        return watch_field(work, base, body["field"], body["months"])


@calls.route("/bases/<code:base>/watches/stop", methods=["POST"])
@calls.arguments(StopSchema)
@calls.response(200, list_of(WatchSchema))
def stop(body: dict[str, Any], base: str) -> dict[str, Any]:
    """Be reminded of a field no more."""
    with unit() as work:
        stop_watching(work, base, body["field"])
        return {"items": list_watches(work, base)}


@calls.route("/reminders", methods=["GET"])
@calls.response(200, list_of(ReminderSchema))
def reminders() -> dict[str, Any]:
    """The fields of all your bases that grew stale."""
    with unit() as work:
        return {"items": list_reminders(work)}


@calls.route("/bases/<code:base>/costs", methods=["GET"])
@calls.response(200, list_of(CostSchema))
def costs(base: str) -> dict[str, Any]:
    """Upkeep costs, the latest first."""
    with unit() as work:
        return {"items": list_costs(work, base)}


@calls.route("/bases/<code:base>/costs", methods=["POST"])
@calls.arguments(NewCost)
@calls.response(201, CostSchema)
def enter_cost(body: dict[str, Any], base: str) -> Cost:
    """Enter a cost."""
    with unit() as work:
        return add_cost(work, base, **body)


@calls.route("/bases/<code:base>/costs/<code:code>", methods=["POST"])
@calls.arguments(NewCost)
@calls.response(200, CostSchema)
def edit_cost(body: dict[str, Any], base: str, code: str) -> Cost:
    """Correct a cost, or end a monthly one."""
    with unit() as work:
        return change_cost(work, base, code, **body)


@calls.route("/bases/<code:base>/costs/<code:code>/remove", methods=["POST"])
@calls.response(200, list_of(CostSchema))
def take_out_cost(base: str, code: str) -> dict[str, Any]:
    """Take out a cost that was entered by mistake."""
    with unit() as work:
        remove_cost(work, base, code)
        return {"items": list_costs(work, base)}


@calls.route("/bases/<code:base>/balance", methods=["GET"])
@calls.arguments(BalanceQuery, location="query")
@calls.response(200, BalanceSchema)
def balance(query: dict[str, Any], base: str) -> dict[str, Any]:
    """What the base earned you against what it cost, month by month."""
    with unit() as work:
        found = base_balance(work, base, query["months"])
    total = found.total
    return {
        "months": [_month(one) for one in found.months],
        "total": _month(total),
        "contacts": found.contacts,
        "result_per_thousand_cents": found.per_thousand_cents(total.result_cents),
        "result_per_contact_micros": found.per_contact_micros(total.result_cents),
    }


@calls.route("/bases/<code:base>/retention", methods=["GET"])
@calls.response(200, OutlookSchema)
def retention(base: str) -> Any:
    """Who leaves within thirty days and why, and what the nightly job did."""
    with unit() as work:
        return retention_outlook(work, base)


def _month(month: MonthBalance) -> dict[str, Any]:
    return {**asdict(month), "result_cents": month.result_cents}
