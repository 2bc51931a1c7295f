"""Mailings: what was frozen, what became of each send, and the stop button."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, figures_field, list_of, one_of, page_of, storable, whole
from api.work import unit
from broker.kernel.database import UnitOfWork
from broker.mailings import flow_store
from broker.mailings.cancel import cancel_mailing
from broker.mailings.choose_variant import choose_variant
from broker.mailings.find_mailing import find_mailing, list_mailings
from broker.mailings.flow import set_flow
from broker.mailings.legal_report import list_legal_reports
from broker.mailings.model import SEND_STATES
from broker.mailings.pause import pause_mailing
from broker.mailings.report import mailing_report
from broker.mailings.report_sheet import report_sheet
from broker.mailings.resume import resume_mailing
from broker.mailings.waves import GAPS

calls = Blueprint("mailings", __name__, description="Frozen recipient lists being sent")


class MailingSchema(Schema):
    """A mailing in a list."""

    code = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "own, rental or affiliate"})
    state = fields.String(required=True)
    price_micros = fields.Integer(required=True)
    started_at = fields.DateTime(allow_none=True)
    ended_at = fields.DateTime(allow_none=True)


class ClicksSchema(Schema):
    """Clicks of people in one hour."""

    at = fields.DateTime(required=True)
    clicks = fields.Integer(required=True)


class MailingReportSchema(Schema):
    """What became of a mailing: frozen is the sum of `counts`; bounced is a later mark on accepted."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True)
    frozen = fields.Integer(required=True)
    seeds = fields.Integer(required=True)
    counts = figures_field(required=True)
    bounced = fields.Integer(required=True)
    hits = fields.Integer(required=True)
    scanner_hits = fields.Integer(required=True)
    unsubscribed = fields.Integer(required=True)
    opens = fields.Integer(
        required=True, metadata={"description": "Pictures loaded, by people and machines; a number of the campaign."}
    )
    exclusions = figures_field()
    problem = fields.String(allow_none=True)


class MailingReasonSchema(Schema):
    """Why."""

    reason = fields.String(load_default="", validate=[validate.Length(max=1000), storable])


class ChosenVariantSchema(Schema):
    """Which subject the rest gets."""

    variant = one_of("A", "B", "C", "D")
    reason = fields.String(load_default="", validate=[validate.Length(max=1000), storable])


class LanguageQuery(Schema):
    """In which language sentences are."""

    language = one_of("en", "fr", required=False, load_default="en")


class NewWaves(Schema):
    """How a mailing leaves; no shares: all at once."""

    shares = fields.List(whole(1, 100), load_default=list, validate=validate.Length(max=20))
    gap_minutes = whole(1, GAPS[1], required=False, load_default=60)
    start_by = fields.AwareDateTime(load_default=None, allow_none=True, default_timezone=UTC)


class WavesSchema(Schema):
    """How a mailing leaves: what was set, how far it is, its waves and alarms."""

    flow = fields.Dict(allow_none=True)
    progress = fields.Dict(allow_none=True)
    waves = fields.List(fields.Dict(), required=True)
    alarms = fields.List(fields.Dict(), required=True)


class WholeReportSchema(Schema):
    """The report with all its tables; docs/mailings.md names the keys."""

    code = fields.String(required=True)
    title = fields.String(required=True)
    kind = fields.String(required=True)
    state = fields.String(required=True)
    frozen = fields.Integer(required=True)
    accepted = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    uncertain = fields.Integer(required=True)
    withheld = fields.Integer(required=True)
    bounced = fields.Integer(required=True)
    clickers = fields.Integer(required=True)
    complaints = fields.Integer(required=True)
    opt_outs = fields.Integer(required=True)
    rates = fields.Dict(required=True, metadata={"description": "Share and 95 % interval of each rate."})
    returned = fields.List(fields.Dict(), required=True)
    refusals = fields.List(fields.Dict(), required=True)
    clicks_by_link = fields.List(fields.Dict(), required=True)
    clicks_by_hour = fields.List(fields.Nested(ClicksSchema), required=True)
    opt_outs_by_scope = figures_field(required=True)
    variants = fields.List(fields.Dict(), required=True)
    decision = fields.Dict(allow_none=True, required=True)
    waves = fields.List(fields.Dict(), required=True)
    alarms = fields.List(fields.Dict(), required=True)
    money = fields.Dict(required=True)
    compared_with = fields.Integer(required=True, metadata={"description": "Past mailings."})
    comparison = fields.Dict(required=True)
    study = fields.Dict(allow_none=True, required=True)
    studied_at = fields.DateTime(allow_none=True, required=True)
    advice = fields.List(fields.Dict(), required=True)


class AdvertiserReportSchema(Schema):
    """A report to the advertiser as it was written."""

    code = fields.String(required=True)
    body = fields.Dict(required=True)
    due_on = fields.Date(required=True)
    made_at = fields.DateTime(required=True)
    read_at = fields.DateTime(allow_none=True)


def waves_of(work: UnitOfWork, code: str) -> dict[str, Any]:
    """How a mailing leaves."""
    shown = flow_store.shown(work, find_mailing(work, code).id) or {}
    return {name: shown.get(name) or ([] if name in ("waves", "alarms") else None) for name in WavesSchema().fields}


def reply(work: UnitOfWork, code: str) -> dict[str, Any]:
    """The report, its states gathered under `counts`."""
    report = mailing_report(work, code)
    return {
        **report.keys(),
        "counts": {state: getattr(report, state) for state in SEND_STATES},
        "unsubscribed": report.opt_outs,
        "opens": report.opens,
    }


@calls.route("/mailings", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(MailingSchema))
def index(query: dict[str, Any]) -> Any:
    """The organisation's mailings, newest first, fifty a page."""
    with unit() as work:
        return list_mailings(work, page=query["page"])


@calls.route("/mailings/<code:code>", methods=["GET"])
@calls.response(200, MailingReportSchema)
def show(code: str) -> Any:
    """The report of a mailing."""
    with unit() as work:
        return reply(work, code)


@calls.route("/mailings/<code:code>/pause", methods=["POST"])
@calls.response(200, MailingReportSchema)
def pause(code: str) -> Any:
    """Stop for now; mails already leaving still leave."""
    with unit() as work:
        pause_mailing(work, code)
        return reply(work, code)


@calls.route("/mailings/<code:code>/resume", methods=["POST"])
@calls.arguments(MailingReasonSchema, required=False)
@calls.response(200, MailingReportSchema)
def resume(body: dict[str, Any], code: str) -> Any:
    """Go on. A mailing that its watch stopped goes on with a written reason."""
    with unit() as work:
        resume_mailing(work, code, body["reason"])
        return reply(work, code)


@calls.route("/mailings/<code:code>/waves", methods=["PUT"])
@calls.arguments(NewWaves)
@calls.response(200, WavesSchema)
def set_waves(body: dict[str, Any], code: str) -> Any:
    """Set waves (per cents that make 100) and the start window of a mailing that has not begun."""
    with unit() as work:
        set_flow(work, code, body["shares"], body["gap_minutes"], body["start_by"])
        return waves_of(work, code)


@calls.route("/mailings/<code:code>/waves", methods=["GET"])
@calls.response(200, WavesSchema)
def waves(code: str) -> Any:
    """How a mailing leaves, how far it is, and what its watch found."""
    with unit() as work:
        return waves_of(work, code)


@calls.route("/mailings/<code:code>/variant", methods=["POST"])
@calls.arguments(ChosenVariantSchema)
@calls.response(200, WavesSchema)
def choose(body: dict[str, Any], code: str) -> Any:
    """End a subject test by hand: everybody outside the test group gets this variant now."""
    with unit() as work:
        choose_variant(work, code, body["variant"], body["reason"])
        return waves_of(work, code)


@calls.route("/mailings/<code:code>/report", methods=["GET"])
@calls.arguments(LanguageQuery, location="query")
@calls.response(200, WholeReportSchema)
def whole_report(query: dict[str, Any], code: str) -> Any:
    """The whole report: rates with intervals, clicks, returned mail, variants, study, comparison, advice."""
    with unit() as work:
        return report_sheet(work, code, query["language"]).keys()


@calls.route("/advertiser-reports", methods=["GET"])
@calls.response(200, list_of(AdvertiserReportSchema))
def advertiser_reports() -> dict[str, Any]:
    """The reports owed within a month of a send (dates, volumes, overall and unit price), newest first."""
    with unit() as work:
        return {"items": list_legal_reports(work)}


@calls.route("/mailings/<code:code>/cancel", methods=["POST"])
@calls.arguments(MailingReasonSchema, required=False)
@calls.response(200, MailingReportSchema)
def cancel(body: dict[str, Any], code: str) -> Any:
    """Stop for good; what has left stays counted and billed. The reason is kept in the audit."""
    with unit() as work:
        cancel_mailing(work, code, body["reason"])
        return reply(work, code)
