"""Participations: what an owner joined, and the sends it picked."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, code_field, list_of, page_of, text, whole
from api.work import front, unit
from broker.affiliation.join import accept_terms, answer_request, leave_programme, list_participations
from broker.affiliation.newsletter import newsletter_links
from broker.affiliation.pick import announce_newsletter, list_sends, pick_send
from broker.affiliation.pick_by_rule import drop_rule, write_rule
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
    owner_name = fields.String(required=True)
    terms_version = fields.Integer(required=True, metadata={"description": "The one that the owner accepted."})
    terms_accepted = fields.Boolean(required=True, metadata={"description": "Whether these are the terms of now."})
    answer = fields.String(required=True, metadata={"description": "Why the advertiser refused."})
    pays = fields.Dict(required=True)


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


class ParticipationAnswer(Schema):
    """The advertiser's yes, or a no with its reason."""

    accept = fields.Boolean(required=True)
    reason = text(500, least=0, required=False, load_default="")


class TermsVersion(Schema):
    """The version of the terms that was read."""

    version = whole(1)


class PickRuleSchema(Schema):
    """A send to `volume` people of a segment every so many days."""

    segment = code_field()
    volume = whole(1)
    every_days = whole(1, 365)
    until = fields.Date(required=True)


class NewNewsletter(Schema):
    """The owner's own newsletter that carries the offer."""

    copies = whole(1)
    send_on = fields.Date(required=True)


class LinkSchema(Schema):
    """A tracked link for a newsletter."""

    number = fields.Integer(required=True)
    leads_to = fields.String(required=True)
    address = fields.String(required=True)


@calls.route("/participations/<code:code>/answer", methods=["POST"])
@calls.arguments(ParticipationAnswer)
@calls.response(200, ParticipationSchema)
def answer(body: dict[str, Any], code: str) -> Any:
    """The advertiser takes a base into its programme, or refuses it."""
    with unit() as work:
        return answer_request(work, code, accept=body["accept"], reason=body["reason"])


@calls.route("/participations/<code:code>/leave", methods=["POST"])
@calls.response(200, ParticipationSchema)
def leave(code: str) -> Any:
    """Take part no more; sends of which nothing has left are taken back."""
    with unit() as work:
        return leave_programme(work, code)


@calls.route("/participations/<code:code>/terms", methods=["POST"])
@calls.arguments(TermsVersion)
@calls.response(200, ParticipationSchema)
def terms(body: dict[str, Any], code: str) -> Any:
    """Accept changed terms."""
    with unit() as work:
        return accept_terms(work, code, body["version"])


@calls.route("/participations/<code:code>/rule", methods=["PUT"])
@calls.arguments(PickRuleSchema)
@calls.response(200, ParticipationSchema)
def rule(body: dict[str, Any], code: str) -> Any:
    """Let sends be picked by a rule."""
    with unit() as work:
        return write_rule(work, code, body["segment"], body["volume"], body["every_days"], body["until"])


@calls.route("/participations/<code:code>/rule", methods=["DELETE"])
@calls.response(200, ParticipationSchema)
def no_rule(code: str) -> Any:
    """Stop the rule; what it picked stays."""
    with unit() as work:
        return drop_rule(work, code)


@calls.route("/participations/<code:code>/newsletters", methods=["POST"])
@calls.arguments(NewNewsletter)
@calls.response(201, list_of(LinkSchema))
def newsletters(body: dict[str, Any], code: str) -> dict[str, Any]:
    """Carry the offer in one's own newsletter; replies with the links to put into it."""
    means = front()
    with unit() as work:
        send = announce_newsletter(work, code, body["copies"], body["send_on"])
        return {"items": newsletter_links(work, means.keys, means.settings.web.public_url, send.code)}
