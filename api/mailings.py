"""Mailings: what was frozen, what became of each send, and the stop button."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import figures_field, list_of
from api.work import unit
from broker.kernel.database import UnitOfWork
from broker.mailings.cancel import cancel_mailing
from broker.mailings.find_mailing import list_mailings
from broker.mailings.model import SEND_STATES
from broker.mailings.pause import pause_mailing
from broker.mailings.report import mailing_report
from broker.mailings.resume import resume_mailing

calls = Blueprint("mailings", __name__, description="Frozen recipient lists being sent")


class MailingSchema(Schema):
    """A mailing in a list."""

    code = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "own, rental or affiliate"})
    state = fields.String(required=True)
    price_micros = fields.Integer(required=True)
    started_at = fields.DateTime(allow_none=True)
    ended_at = fields.DateTime(allow_none=True)


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
    exclusions = figures_field()
    problem = fields.String(allow_none=True)


def reply(work: UnitOfWork, code: str) -> dict[str, Any]:
    """The report, its states gathered under `counts`."""
    report = mailing_report(work, code)
    return {
        **report.keys(),
        "counts": {state: getattr(report, state) for state in SEND_STATES},
        "unsubscribed": report.opt_outs,
    }


@calls.route("/mailings", methods=["GET"])
@calls.response(200, list_of(MailingSchema))
def index() -> dict[str, Any]:
    """The organisation's last 200 mailings, newest first."""
    with unit() as work:
        return {"items": list_mailings(work)}


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
@calls.response(200, MailingReportSchema)
def resume(code: str) -> Any:
    """Go on."""
    with unit() as work:
        resume_mailing(work, code)
        return reply(work, code)


@calls.route("/mailings/<code:code>/cancel", methods=["POST"])
@calls.response(200, MailingReportSchema)
def cancel(code: str) -> Any:
    """Stop for good; what has left stays counted and billed."""
    with unit() as work:
        cancel_mailing(work, code)
        return reply(work, code)
