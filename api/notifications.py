"""What the key's person was told, and how they want to be."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, list_of, page_of
from api.work import unit
from broker.notifications.inbox import choices_of, choose, list_notifications, read_all, read_one
from broker.notifications.kinds import CHANNELS, Kind
from broker.notifications.model import Notification

calls = Blueprint("notifications", __name__, description="What people are told")


class NotificationSchema(Schema):
    """One notification. `kind` and `facts` are those of docs/webhooks.md."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    object = fields.String(required=True, metadata={"description": "order, mailing, import …"})
    object_code = fields.String(required=True)
    facts = fields.Dict(keys=fields.String(), required=True)
    at = fields.DateTime(required=True)
    read_at = fields.DateTime(allow_none=True)


class ChoiceSchema(Schema):
    """How one is told of a kind: product, mail (at once), digest (of the day) or off."""

    kind = fields.String(required=True)
    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    default = fields.String(dump_only=True)


class Choices(Schema):
    """Kinds that change; the others stay as they are."""

    items = fields.List(fields.Nested(ChoiceSchema), required=True, validate=validate.Length(max=200))


class ReadSchema(Schema):
    """How many were unread."""

    read = fields.Integer(required=True)


@calls.route("/notifications", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(NotificationSchema))
def index(query: dict[str, Any]) -> Any:
    """One's notifications, newest first."""
    with unit() as work:
        found = list_notifications(work, query["page"])
    return {"items": [_shown(item) for item in found.items], **_place(found)}


@calls.route("/notifications/read", methods=["POST"])
@calls.response(200, ReadSchema)
def read() -> Any:
    """Mark all as read."""
    with unit() as work:
        return {"read": read_all(work)}


@calls.route("/notifications/<code:code>/read", methods=["POST"])
@calls.response(200, NotificationSchema)
def read_this(code: str) -> Any:
    """Mark one as read."""
    with unit() as work:
        return _shown(read_one(work, code))


@calls.route("/notification-choices", methods=["GET"])
@calls.response(200, list_of(ChoiceSchema))
def choices() -> Any:
    """How one is told of each kind that one's role is told of."""
    with unit() as work:
        return {"items": [_choice(kind, channel) for kind, channel in choices_of(work)]}


@calls.route("/notification-choices", methods=["PUT"])
@calls.arguments(Choices)
@calls.response(200, list_of(ChoiceSchema))
def keep_choices(body: dict[str, Any]) -> Any:
    """Choose how one is told."""
    with unit() as work:
        choose(work, {item["kind"]: item["channel"] for item in body["items"]})
        return {"items": [_choice(kind, channel) for kind, channel in choices_of(work)]}


def _choice(kind: Kind, channel: str) -> dict[str, str]:
    return {"kind": kind.name, "channel": channel, "default": kind.channel}


def _shown(item: Notification) -> dict[str, Any]:
    event = item.event
    return {
        "code": item.code,
        "kind": event.kind,
        "object": event.object_kind,
        "object_code": event.object_code,
        "facts": event.facts,
        "at": event.at,
        "read_at": item.read_at,
    }


def _place(found: Any) -> dict[str, int]:
    return {"total": found.total, "number": found.number, "pages": found.pages}
