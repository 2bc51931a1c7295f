"""What a base is worth, and the broker's samples of consent proofs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import list_of, one_of, text, whole
from api.work import unit
from broker.bases.audit_consents import (
    LARGEST_SEED,
    MOST_DRAWN,
    draw_consents,
    find_audit,
    judge_consent,
    list_audits,
)
from broker.bases.audit_consents_model import VERDICTS, ConsentAudit
from broker.bases.quality import quality_of
from broker.bases.quality_advice import advice_on
from broker.bases.quality_model import Quality
from broker.bases.quarantine import list_sources, quarantine_source, release_source

calls = Blueprint("quality", __name__, description="A base over time; samples of consent proofs")


class QualityPart(Schema):
    """One part of the score: `points` of `most`; not `measured` where nothing was sent yet."""

    name = fields.String(required=True)
    share = fields.Float(required=True)
    points = fields.Float(required=True)
    most = fields.Integer(required=True)
    measured = fields.Boolean(required=True)


class AdviceSchema(Schema):
    """What would raise a part: mended for so many contacts, it would give so many points."""

    part = fields.String(required=True)
    what = fields.String(required=True)
    contacts = fields.Integer(required=True)
    points = fields.Float(required=True)


class QualitySchema(Schema):
    """A snapshot measured."""

    number = fields.Integer(required=True)
    contacts = fields.Integer(required=True)
    arrivals = fields.Integer(required=True)
    departures = fields.Integer(required=True)
    rentable = fields.Integer(required=True)
    score = fields.Integer(required=True)
    parts = fields.List(fields.Nested(QualityPart), required=True)
    advice = fields.List(fields.Nested(AdviceSchema), required=True)
    facts = fields.Dict(
        required=True,
        metadata={"description": "completeness, not_rentable, fresh, ages, rates; the same per relation in relations"},
    )
    measured_at = fields.DateTime(required=True)


class NewSample(Schema):
    """How many proofs to draw: of the whole base or of one source; the same seed draws the same again."""

    size = whole(1, MOST_DRAWN)
    source = text(60, least=0, required=False, load_default="")
    seed = whole(0, LARGEST_SEED, required=False, load_default=None, allow_none=True)


class NewVerdict(Schema):
    """What a proof was found to be; a doubtful or missing one needs a note."""

    place = whole(1, MOST_DRAWN)
    verdict = one_of(*VERDICTS)
    note = text(1000, least=0, required=False, load_default="")


class NewReason(Schema):
    """Why a source is shut out, or let in again."""

    reason = text(1000)


class SourceSchema(Schema):
    """Where consents came from, and how many contacts stand on it."""

    code = fields.String(required=True)
    source_url = fields.String(required=True)
    wording = fields.String(required=True)
    form_version = fields.String(required=True)
    partner_list_version = fields.Integer(required=True)
    contacts = fields.Integer(required=True)
    latest = fields.DateTime(required=True, allow_none=True)
    quarantined_at = fields.DateTime(required=True, allow_none=True)
    quarantine_reason = fields.String(required=True, allow_none=True)
    released_at = fields.DateTime(required=True, allow_none=True)
    release_reason = fields.String(required=True, allow_none=True)


class ProofSchema(Schema):
    """A proof, without its person."""

    place = fields.Integer(required=True)
    source_code = fields.String(required=True)
    source_url = fields.String(required=True)
    wording = fields.String(required=True)
    form_version = fields.String(required=True)
    partner_list_version = fields.Integer(required=True)
    consent_at = fields.DateTime(required=True)
    relation = fields.String(required=True, allow_none=True)
    quarantined = fields.Boolean(required=True)
    verdict = fields.String(required=True, allow_none=True)
    note = fields.String(required=True)


class ResultSchema(Schema):
    """The share of complete proofs among those judged, with its 95 % interval (Wilson)."""

    judged = fields.Integer(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    share = fields.Float(required=True)
    low = fields.Float(required=True)
    high = fields.Float(required=True)


class ConsentAuditSchema(Schema):
    """A sample with its verdicts."""

    code = fields.String(required=True)
    base_code = fields.String(required=True)
    source_code = fields.String(required=True, allow_none=True)
    seed = fields.Integer(required=True)
    asked = fields.Integer(required=True, allow_none=True)
    population = fields.Integer(required=True, allow_none=True)
    drawn_at = fields.DateTime(required=True)
    proofs = fields.List(fields.Nested(ProofSchema), required=True)
    result = fields.Nested(ResultSchema, required=True, allow_none=True)


class AuditLineSchema(Schema):
    """A sample in a list."""

    code = fields.String(required=True)
    base_code = fields.String(required=True)
    source_code = fields.String(required=True, allow_none=True)
    drawn_at = fields.DateTime(required=True)
    drawn = fields.Integer(required=True)
    complete = fields.Integer(required=True)
    doubtful = fields.Integer(required=True)
    missing = fields.Integer(required=True)


@calls.route("/bases/<code:base>/quality", methods=["GET"])
@calls.response(200, list_of(QualitySchema))
def index(base: str) -> dict[str, Any]:
    """The base's snapshots measured, newest first."""
    with unit() as work:
        return {"items": [_with_advice(one) for one in quality_of(work, base)]}


def _with_advice(quality: Quality) -> dict[str, Any]:
    advice = [one for part in advice_on(quality).values() for one in part]
    return {**asdict(quality), "advice": [asdict(one) for one in advice]}


@calls.route("/bases/<code:base>/consent-sources", methods=["GET"])
@calls.response(200, list_of(SourceSchema))
def sources(base: str) -> dict[str, Any]:
    """Where the base's consents came from, the largest source first."""
    with unit() as work:
        return {"items": list_sources(work, base)}


@calls.route("/consent-sources/<code:source>/quarantine", methods=["POST"])
@calls.arguments(NewReason)
@calls.response(200, SourceSchema)
def quarantine(body: dict[str, Any], source: str) -> Any:
    """Shut a source out: who came by it is not rented from now on."""
    with unit() as work:
        return quarantine_source(work, source, body["reason"])


@calls.route("/consent-sources/<code:source>/release", methods=["POST"])
@calls.arguments(NewReason)
@calls.response(200, SourceSchema)
def release(body: dict[str, Any], source: str) -> Any:
    """Take a source out of quarantine, for a reason."""
    with unit() as work:
        return release_source(work, source, body["reason"])


@calls.route("/bases/<code:base>/consent-audits", methods=["GET"])
@calls.response(200, list_of(AuditLineSchema))
def samples(base: str) -> dict[str, Any]:
    """The samples of a base, newest first."""
    with unit() as work:
        return {"items": list_audits(work, base)}


@calls.route("/bases/<code:base>/consent-audits", methods=["POST"])
@calls.arguments(NewSample)
@calls.response(201, ConsentAuditSchema)
def draw(body: dict[str, Any], base: str) -> Any:
    """Draw proofs at random."""
    with unit() as work:
        return draw_consents(work, base, body["size"], source_code=body["source"], seed=body["seed"])


@calls.route("/consent-audits/<code:code>", methods=["GET"])
@calls.response(200, ConsentAuditSchema)
def show(code: str) -> ConsentAudit:
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
