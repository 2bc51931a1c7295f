"""Webhooks: where an organisation's programs are told, by signed calls, and the log of deliveries."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, code_field, list_of, page_of, text
from api.work import front, unit
from broker.notifications import webhooks as verbs
from broker.notifications.kinds import ALL, LANGUAGES, Kind, kinds
from broker.notifications.model import Delivery, Endpoint

calls = Blueprint("webhooks", __name__, description="Signed calls to an organisation's programs")


class EndpointSchema(Schema):
    """An endpoint. `state` is on, off, or disabled (by us, after long failure)."""

    code = fields.String(required=True)
    url = fields.String(required=True)
    label = fields.String(required=True)
    events = fields.List(fields.String(), required=True)
    state = fields.String(required=True)
    failures = fields.Integer(required=True, metadata={"description": "attempts that failed in a row"})
    failing_since = fields.DateTime(allow_none=True)
    created_at = fields.DateTime(required=True)
    secret = fields.String(metadata={"description": "whsec_…; only in the reply that makes it"})


class NewEndpoint(Schema):
    """Where, by which name, and of which events (`*`: all)."""

    url = text(2000)
    label = text(100)
    events = fields.List(text(60), load_default=lambda: [ALL], validate=validate.Length(min=1, max=200))


class EndpointChange(Schema):
    """What changes; the rest stays."""

    url = text(2000, required=False)
    label = text(100, required=False)
    events = fields.List(text(60), validate=validate.Length(min=1, max=200))
    on = fields.Boolean(truthy={True}, falsy={False})


class Rotation(Schema):
    """Whether the old secret ends at once instead of after a day."""

    at_once = fields.Boolean(load_default=False, truthy={True}, falsy={False})


class SecretSchema(Schema):
    """The new secret, shown this once."""

    secret = fields.String(required=True)


class AttemptSchema(Schema):
    """One try: the reply's status, or a problem instead of one."""

    number = fields.Integer(required=True)
    at = fields.DateTime(required=True)
    status = fields.Integer(allow_none=True)
    problem = fields.String(required=True)
    milliseconds = fields.Integer(allow_none=True)


class DeliverySchema(Schema):
    """One event on its way; `code` is its webhook-id. `state`: waiting, delivered, failed or dropped."""

    code = fields.String(required=True)
    event = fields.String(required=True)
    object_code = fields.String(required=True)
    state = fields.String(required=True)
    attempts = fields.Integer(required=True)
    next_attempt_at = fields.DateTime(allow_none=True)
    delivered_at = fields.DateTime(allow_none=True)
    created_at = fields.DateTime(required=True)
    status = fields.Integer(allow_none=True)
    problem = fields.String(required=True)
    log = fields.List(fields.Nested(AttemptSchema))


class DeliveryQuery(PageQuery):
    """Which deliveries."""

    state = fields.String(load_default="", validate=validate.OneOf(["", "waiting", "delivered", "failed", "dropped"]))


class Replay(Schema):
    """Which delivery; without one, all that failed or were dropped."""

    delivery = code_field(required=False, load_default="")


class ReplayedSchema(Schema):
    """How many leave again."""

    replayed = fields.Integer(required=True)


class KindSchema(Schema):
    """A kind of event: what it is about, who is told, which facts it carries, its words."""

    name = fields.String(required=True)
    object = fields.String(required=True)
    roles = fields.List(fields.String(), required=True)
    facts = fields.List(fields.String(), required=True)
    titles = fields.Dict(keys=fields.String(), values=fields.String(), required=True)


@calls.route("/event-kinds", methods=["GET"])
@calls.response(200, list_of(KindSchema))
def catalogue() -> Any:
    """The catalogue of events."""
    return {"items": [_kind(kind) for kind in kinds().values()]}


@calls.route("/webhooks", methods=["GET"])
@calls.response(200, list_of(EndpointSchema))
def index() -> Any:
    """The organisation's endpoints."""
    with unit() as work:
        return {"items": [_endpoint(found) for found in verbs.list_endpoints(work)]}


@calls.route("/webhooks", methods=["POST"])
@calls.arguments(NewEndpoint)
@calls.response(201, EndpointSchema)
def register(body: dict[str, Any]) -> Any:
    """Register an endpoint; the reply holds its secret, this once."""
    means = front()
    with unit() as work:
        found, secret = verbs.register_endpoint(
            work, means.keys, means.settings, body["url"], body["label"], body["events"]
        )
    return {**_endpoint(found), "secret": secret}


@calls.route("/webhooks/<code:code>", methods=["GET"])
@calls.response(200, EndpointSchema)
def show(code: str) -> Any:
    """One endpoint."""
    with unit() as work:
        return _endpoint(verbs.find_endpoint(work, code))


@calls.route("/webhooks/<code:code>", methods=["PATCH"])
@calls.arguments(EndpointChange)
@calls.response(200, EndpointSchema)
def change(body: dict[str, Any], code: str) -> Any:
    """Change address, name or events, or switch it on or off."""
    with unit() as work:
        return _endpoint(
            verbs.change_endpoint(
                work,
                front().settings,
                code,
                url=body.get("url"),
                label=body.get("label"),
                wanted=body.get("events"),
                on=body.get("on"),
            )
        )


@calls.route("/webhooks/<code:code>", methods=["DELETE"])
@calls.response(204)
def delete(code: str) -> None:
    """Nothing more goes there."""
    with unit() as work:
        verbs.delete_endpoint(work, code)


@calls.route("/webhooks/<code:code>/secret", methods=["POST"])
@calls.arguments(Rotation)
@calls.response(201, SecretSchema)
def rotate(body: dict[str, Any], code: str) -> Any:
    """A new secret; the old one signs beside it for a day."""
    with unit() as work:
        return {"secret": verbs.rotate_secret(work, front().keys, code, at_once=body["at_once"])}


@calls.route("/webhooks/<code:code>/test", methods=["POST"])
@calls.response(202, EndpointSchema)
def test(code: str) -> Any:
    """Have a test event delivered."""
    with unit() as work:
        verbs.send_test(work, code)
        return _endpoint(verbs.find_endpoint(work, code))


@calls.route("/webhooks/<code:code>/deliveries", methods=["GET"])
@calls.arguments(DeliveryQuery, location="query")
@calls.response(200, page_of(DeliverySchema))
def deliveries(query: dict[str, Any], code: str) -> Any:
    """What was told to it, newest first."""
    with unit() as work:
        found = verbs.list_deliveries(work, code, query["state"], query["page"])
    items = [_delivery(item) for item in found.items]
    return {"items": items, "total": found.total, "number": found.number, "pages": found.pages}


@calls.route("/webhooks/<code:code>/deliveries/<code:delivery>", methods=["GET"])
@calls.response(200, DeliverySchema)
def delivery(code: str, delivery: str) -> Any:
    """One delivery with the log of its attempts, newest first."""
    with unit() as work:
        found, attempts = verbs.find_delivery(work, code, delivery)
    return {**_delivery(found), "log": attempts}


@calls.route("/webhooks/<code:code>/replay", methods=["POST"])
@calls.arguments(Replay)
@calls.response(202, ReplayedSchema)
def replay(body: dict[str, Any], code: str) -> Any:
    """Have deliveries sent again, under the same webhook-id."""
    with unit() as work:
        return {"replayed": verbs.replay(work, code, body["delivery"])}


def _kind(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.name,
        "object": kind.object,
        "roles": kind.roles,
        "facts": kind.facts,
        "titles": {language: kind.title(language) for language in LANGUAGES},
    }


def _endpoint(found: Endpoint) -> dict[str, Any]:
    return {
        "code": found.code,
        "url": found.url,
        "label": found.label,
        "events": found.kinds,
        "state": found.state,
        "failures": found.failures,
        "failing_since": found.failing_since,
        "created_at": found.created_at,
    }


def _delivery(found: Delivery) -> dict[str, Any]:
    return {
        "code": found.code,
        "event": found.event.kind,
        "object_code": found.event.object_code,
        "state": found.state,
        "attempts": found.attempts,
        "next_attempt_at": found.next_attempt_at,
        "delivered_at": found.delivered_at,
        "created_at": found.created_at,
        "status": found.status,
        "problem": found.problem,
    }
