"""Sending domains of owners, and for the broker how mail fares and what is held."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import list_of, text
from api.work import front, unit
from broker.delivery.delegate_domain import ask_check, delegate_domain, find_domain, list_domains, take_back
from broker.delivery.reputation import list_holds, release_hold, standing_of
from broker.delivery.reputation_model import KINDS
from broker.delivery.sending_domain import SendingDomain, records_of
from broker.operate.front import Front

calls = Blueprint("domains", __name__, description="Sending domains and reputation")


class RecordSchema(Schema):
    """A record to publish, and what the DNS says of it: ok, missing, wrong, unanswered; empty before the first look."""

    purpose = fields.String(required=True)
    name = fields.String(required=True)
    kind = fields.String(required=True)
    value = fields.String(required=True)
    state = fields.String(required=True)
    found = fields.String(required=True)


class SendingDomainSchema(Schema):
    """A delegated subdomain: waiting, green or broken. While one waits, nothing new of its owner is scheduled."""

    code = fields.String(required=True)
    domain = fields.String(required=True)
    return_domain = fields.String(required=True)
    state = fields.String(required=True)
    owner = fields.String(required=True)
    records = fields.List(fields.Nested(RecordSchema), required=True)
    checked_at = fields.DateTime(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)


class NewDomain(Schema):
    """The subdomain, never a main domain."""

    domain = text(200)


class StandingSchema(Schema):
    """Sums of one sending domain, relay or mailbox provider."""

    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    name = fields.String(required=True)
    accepted = fields.Integer(required=True)
    refused = fields.Integer(required=True)
    blocked = fields.Integer(required=True)
    deferred = fields.Integer(required=True)
    uncertain = fields.Integer(required=True)
    hard = fields.Integer(required=True)
    soft = fields.Integer(required=True)
    complaints = fields.Integer(required=True)


class StandingQuery(Schema):
    """Of what, and of how many hours."""

    kind = fields.String(load_default="sending_domain", validate=validate.OneOf(KINDS))
    hours = fields.Integer(load_default=24, validate=validate.Range(1, 9_600))


class HoldSchema(Schema):
    """Mail that is held, and how it ended."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    reason = fields.String(required=True)
    sent = fields.Integer(required=True)
    counted = fields.Integer(required=True)
    at = fields.DateTime(required=True)
    released_at = fields.DateTime(required=True, allow_none=True)
    released_by = fields.String(required=True, allow_none=True)
    release_reason = fields.String(required=True, allow_none=True)


class HoldQuery(Schema):
    """Open holds, or released ones."""

    released = fields.Boolean(load_default=False)


class Release(Schema):
    """Why mail may go on, in words."""

    reason = text(500)


@calls.route("/sending-domains", methods=["GET"])
@calls.response(200, list_of(SendingDomainSchema))
def index() -> Any:
    """The owner's domains; the broker reads everybody's."""
    with unit() as work:
        return {"items": [_shown(one, front()) for one in list_domains(work)]}


@calls.route("/sending-domains", methods=["POST"])
@calls.arguments(NewDomain)
@calls.response(201, SendingDomainSchema)
def add(body: dict[str, Any]) -> Any:
    """Delegate a subdomain; its records are looked at from now on."""
    with unit() as work:
        return _shown(delegate_domain(work, front().settings.mail, body["domain"]), front())


@calls.route("/sending-domains/<code:code>", methods=["GET"])
@calls.response(200, SendingDomainSchema)
def show(code: str) -> Any:
    """One domain."""
    with unit() as work:
        return _shown(find_domain(work, code), front())


@calls.route("/sending-domains/<code:code>/check", methods=["POST"])
@calls.response(200, SendingDomainSchema)
def check(code: str) -> Any:
    """Have its records looked at now."""
    with unit() as work:
        return _shown(ask_check(work, code), front())


@calls.route("/sending-domains/<code:code>/take-back", methods=["POST"])
@calls.response(204)
def remove(code: str) -> None:
    """Use it for no new mailing."""
    with unit() as work:
        take_back(work, code)


@calls.route("/reputation", methods=["GET"])
@calls.arguments(StandingQuery, location="query")
@calls.response(200, list_of(StandingSchema))
def reputation(query: dict[str, Any]) -> Any:
    """How mail fared in the last hours; for the broker."""
    with unit() as work:
        return {"items": standing_of(work, query["kind"], query["hours"])}


@calls.route("/reputation/holds", methods=["GET"])
@calls.arguments(HoldQuery, location="query")
@calls.response(200, list_of(HoldSchema))
def holds(query: dict[str, Any]) -> Any:
    """Mail that is held, newest first."""
    with unit() as work:
        return {"items": list_holds(work, released=query["released"])}


@calls.route("/reputation/holds/<code:code>/release", methods=["POST"])
@calls.arguments(Release)
@calls.response(200, HoldSchema)
def release(body: dict[str, Any], code: str) -> Any:
    """Let it go on."""
    with unit() as work:
        return release_hold(work, code, body["reason"])


def _shown(domain: SendingDomain, means: Front) -> dict[str, Any]:
    seen = {one.purpose: one for one in domain.findings}
    records = [
        asdict(record)
        | {
            "state": seen[record.purpose].state if record.purpose in seen else "",
            "found": seen[record.purpose].found if record.purpose in seen else "",
        }
        for record in records_of(domain.domain, means.settings.mail)
    ]
    return asdict(domain) | {"records": records}
