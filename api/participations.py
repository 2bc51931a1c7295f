"""Participations: what an owner joined, and the sends it picked."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, code_field, list_of, page_of, whole
from api.work import unit
from broker.affiliation.join import list_participations
from broker.affiliation.pick import list_sends, pick_send
from broker.affiliation.withdraw import find_participation, withdraw_send

calls = Blueprint("participations", __name__, description="Programmes joined")


class ParticipationSchema(Schema):
    """One base in one programme."""

    code = fields.String(required=True)
    programme = fields.String(attribute="programme_code", required=True)
    programme_title = fields.String(required=True)
    base = fields.String(attribute="base_code", allow_none=True)
    price_micros = fields.Integer(required=True)
    state = fields.String(required=True)
    joined_at = fields.DateTime(required=True)
    sends = fields.Integer(required=True)


class ParticipationSendSchema(Schema):
    """One send that the owner said yes to."""

    code = fields.String(required=True)
    participation = fields.String(attribute="participation_code", required=True)
    segment = fields.String(attribute="segment_name", allow_none=True)
    volume = fields.Integer(required=True)
    send_on = fields.Date(required=True)
    state = fields.String(required=True)
    mailing = fields.String(attribute="mailing_code", allow_none=True)


class NewSend(Schema):
    """A segment, a day, and how many people at most."""

    segment = code_field()
    volume = whole(1)
    send_on = fields.Date(required=True)


@calls.route("/participations", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(ParticipationSchema))
def index(query: dict[str, Any]) -> Any:
    """The owner's participations; an advertiser sees who joined its programmes."""
    with unit() as work:
        return list_participations(work, query["page"])


@calls.route("/participations/<code:code>", methods=["GET"])
@calls.response(200, ParticipationSchema)
def show(code: str) -> Any:
    """One participation."""
    with unit() as work:
        return find_participation(work, code)


@calls.route("/participations/<code:code>/sends", methods=["GET"])
@calls.response(200, list_of(ParticipationSendSchema))
def sends(code: str) -> dict[str, Any]:
    """The sends picked so far."""
    with unit() as work:
        return {"items": list_sends(work, code)}


@calls.route("/participations/<code:code>/sends", methods=["POST"])
@calls.arguments(NewSend)
@calls.response(201, ParticipationSendSchema)
def pick(body: dict[str, Any], code: str) -> Any:
    """Pick a send."""
    with unit() as work:
        return pick_send(work, code, body["segment"], body["volume"], body["send_on"])


@calls.route("/participation-sends/<code:code>/withdraw", methods=["POST"])
@calls.response(200, ParticipationSendSchema)
def withdraw(code: str) -> Any:
    """Take a send back before it leaves."""
    with unit() as work:
        return withdraw_send(work, code)
