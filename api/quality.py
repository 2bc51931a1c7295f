"""What a base is worth, and the broker's samples of consent proofs."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import list_of, one_of, text, whole
from api.work import unit
from broker.bases.audit_consents import (
    MOST_DRAWN,
    VERDICTS,
    draw_consents,
    find_audit,
    judge_consent,
    quarantine_source,
)
from broker.bases.quality import quality_of

calls = Blueprint("quality", __name__, description="A base over time; samples of consent proofs")


class QualityPart(Schema):
    """One part of the score: `points` of `most`."""

    name = fields.String(required=True)
    share = fields.Float(required=True)
    points = fields.Float(required=True)
    most = fields.Integer(required=True)


class QualitySchema(Schema):
    """A snapshot measured."""

    number = fields.Integer(required=True)
    contacts = fields.Integer(required=True)
    arrivals = fields.Integer(required=True)
    departures = fields.Integer(required=True)
    rentable = fields.Integer(required=True)
    score = fields.Integer(required=True)
    parts = fields.List(fields.Nested(QualityPart), required=True)
    facts = fields.Dict(required=True, metadata={"description": "completeness, not_rentable, fresh, rates"})
    measured_at = fields.DateTime(required=True)


class NewSample(Schema):
    """How many proofs to draw."""

    size = whole(1, MOST_DRAWN)


class NewVerdict(Schema):
    """What a proof was found to be."""

    place = whole(1, MOST_DRAWN)
    verdict = one_of(*VERDICTS)
    note = text(1000, least=0, required=False, load_default="")


class NewQuarantine(Schema):
    """Why a source is shut out."""

    place = whole(1, MOST_DRAWN)
    reason = text(1000)


class ProofSchema(Schema):
    """A proof, without its person."""

    place = fields.Integer(required=True)
    source_url = fields.String(required=True)
    wording = fields.String(required=True)
    form_version = fields.String(required=True)
    partner_list_version = fields.Integer(required=True)
    consent_at = fields.DateTime(required=True)
    quarantined = fields.Boolean(required=True)
    verdict = fields.String(allow_none=True)
    note = fields.String(required=True)


class ConsentAuditSchema(Schema):
    """A sample with its verdicts."""

    code = fields.String(required=True)
    base_code = fields.String(required=True)
    drawn_at = fields.DateTime(required=True)
    proofs = fields.List(fields.Nested(ProofSchema), required=True)


@calls.route("/bases/<code:base>/quality", methods=["GET"])
@calls.response(200, list_of(QualitySchema))
def index(base: str) -> dict[str, Any]:
    """The base's snapshots measured, newest first."""
    with unit() as work:
        return {"items": quality_of(work, base)}


@calls.route("/bases/<code:base>/consent-audits", methods=["POST"])
@calls.arguments(NewSample)
@calls.response(201, ConsentAuditSchema)
def draw(body: dict[str, Any], base: str) -> Any:
    """Draw proofs at random."""
    with unit() as work:
        return draw_consents(work, base, body["size"])


@calls.route("/consent-audits/<code:code>", methods=["GET"])
@calls.response(200, ConsentAuditSchema)
def show(code: str) -> Any:
    """One sample."""
    with unit() as work:
        return find_audit(work, code)


@calls.route("/consent-audits/<code:code>/verdicts", methods=["POST"])
@calls.arguments(NewVerdict)
@calls.response(200, ConsentAuditSchema)
def judge(body: dict[str, Any], code: str) -> Any:
    """Record a verdict."""
    with unit() as work:
        judge_consent(work, code, body["place"], body["verdict"], body["note"])
        return find_audit(work, code)


@calls.route("/consent-audits/<code:code>/quarantine", methods=["POST"])
@calls.arguments(NewQuarantine)
@calls.response(200, ConsentAuditSchema)
def quarantine(body: dict[str, Any], code: str) -> Any:
    """Shut out the source of a proof."""
    with unit() as work:
        quarantine_source(work, code, body["place"], body["reason"])
        return find_audit(work, code)
