"""What the law asks to be written down: contracts, register, requests of persons, breaches."""

from __future__ import annotations

import io
from typing import Any, get_args

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, list_of, one_of, page_of, text, whole
from api.work import front, unit
from broker.audit.bulk_read import list_alerts
from broker.bases.breach import breach_dossier, list_breaches, note_breach, open_breach
from broker.bases.breach_texts import breach_texts
from broker.bases.compliance_model import BreachRisk
from broker.bases.contract import list_contracts, record_contract
from broker.bases.register import COLUMNS, list_register, register_rows, write_activity
from broker.bases.request_log import answer_request, extend_request, list_requests, log_request
from broker.kernel.safe_csv import SafeWriter

RISKS = get_args(BreachRisk)

calls = Blueprint("compliance", __name__, description="What the law asks to be written down")


class ContractSchema(Schema):
    """A recorded agreement: `processor` is art. 28, `joint` art. 26 of the GDPR."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    reference = fields.String(required=True)
    document_sha256 = fields.String(required=True, allow_none=True)
    signatory = fields.String(required=True)
    signed_on = fields.Date(required=True)
    ends_on = fields.Date(required=True, allow_none=True)


class NewContract(Schema):
    """An agreement to record; nothing is imported into a base before."""

    kind = one_of("processor", "joint", required=False, load_default="processor")
    reference = text(200)
    signatory = text(200)
    signed_on = fields.Date(required=True)
    ends_on = fields.Date(load_default=None, allow_none=True)
    document_sha256 = text(64, least=0, required=False, load_default="")


class LanguageQuery(Schema):
    """The language of the lines made from bases."""

    language = one_of("en", "fr", required=False, load_default="en")


class NewActivity(Schema):
    """A line of the register (art. 30)."""

    name = text(200)
    purpose = text(2000)
    legal_basis = one_of(
        "consent", "contract", "legal_obligation", "legitimate_interest", "vital_interest", "public_task"
    )
    people = text(2000)
    data = text(2000)
    recipients = text(2000)
    retention = text(2000)
    transfers = text(2000, least=0, required=False, load_default="")
    security = text(2000, least=0, required=False, load_default="")


class ActivitySchema(Schema):
    """The same as listed; `code` is null for a line made from a base."""

    code = fields.String(required=True, allow_none=True)
    controller = fields.String(required=True)
    name = fields.String(required=True)
    purpose = fields.String(required=True)
    legal_basis = fields.String(required=True)
    people = fields.String(required=True)
    data = fields.String(required=True)
    recipients = fields.String(required=True)
    retention = fields.String(required=True)
    transfers = fields.String(required=True)
    security = fields.String(required=True)


class RequestSchema(Schema):
    """A person's request, by the organisation's own reference."""

    code = fields.String(required=True)
    controller = fields.String(required=True)
    own = fields.Boolean(required=True, metadata={"description": "your organisation answers it"})
    kind = fields.String(required=True)
    reference = fields.String(required=True)
    received_on = fields.Date(required=True)
    due_on = fields.Date(required=True)
    extended_to = fields.Date(required=True, allow_none=True)
    extension_reason = fields.String(required=True, allow_none=True)
    answered_on = fields.Date(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    note = fields.String(required=True)


class NewRequest(Schema):
    """A request that came by letter, telephone or any other way."""

    kind = one_of("access", "correction", "erasure", "objection", "portability", "restriction")
    reference = text(200)
    received_on = fields.Date(required=True)
    note = text(2000, least=0, required=False, load_default="")


class Extension(Schema):
    """Until when the answer is put off, and why."""

    until = fields.Date(required=True)
    reason = text(1000)


class RequestAnswerSchema(Schema):
    """How a request was answered."""

    outcome = one_of("granted", "partly", "refused", "not_found")
    note = text(2000, least=0, required=False, load_default="")


class BreachSchema(Schema):
    """A breach of personal data."""

    code = fields.String(required=True)
    base = fields.String(attribute="base_code", required=True)
    discovered_at = fields.DateTime(required=True)
    authority_due_at = fields.DateTime(required=True)
    began_at = fields.DateTime(required=True)
    ended_at = fields.DateTime(required=True)
    nature = fields.String(required=True)
    facts = fields.String(required=True)
    data = fields.String(required=True)
    rows_affected = fields.Integer(required=True)
    consequences = fields.String(required=True)
    measures = fields.String(required=True)
    authority_told_at = fields.DateTime(required=True, allow_none=True)
    people_told_at = fields.DateTime(required=True, allow_none=True)
    closed_at = fields.DateTime(required=True, allow_none=True)
    which_rows = fields.String(required=True)
    people_affected = fields.Integer(required=True, allow_none=True)
    risk = fields.String(required=True)
    late_reason = fields.String(required=True)
    authority_text = fields.String(required=True)
    people_text = fields.String(required=True)


class NewBreach(Schema):
    """A breach to open a dossier for."""

    base = text(40)
    nature = one_of("confidentiality", "integrity", "availability")
    facts = text(5000)
    data = text(2000)
    began_at = fields.AwareDateTime(required=True)
    ended_at = fields.AwareDateTime(required=True)
    rows_affected = whole(0, required=False, load_default=0)
    discovered_at = fields.AwareDateTime(load_default=None, allow_none=True)
    which_rows = text(2000, least=0, required=False, load_default="")
    people_affected = whole(0, required=False, load_default=None, allow_none=True)
    risk = one_of(*RISKS, required=False, load_default="unknown")


class BreachNote(Schema):
    """What is added to a dossier."""

    consequences = text(5000, least=0, required=False)
    measures = text(5000, least=0, required=False)
    which_rows = text(2000, least=0, required=False)
    late_reason = text(2000, least=0, required=False)
    authority_text = text(20_000, least=0, required=False)
    people_text = text(20_000, least=0, required=False)
    rows_affected = whole(0, required=False)
    people_affected = whole(0, required=False)
    risk = one_of(*RISKS, required=False)
    authority_told_at = fields.AwareDateTime()
    people_told_at = fields.AwareDateTime()
    closed_at = fields.AwareDateTime()


class TraceSchema(Schema):
    """What somebody did in the time of a breach."""

    who = fields.String(required=True)
    role = fields.String(required=True)
    action = fields.String(required=True)
    times = fields.Integer(required=True)
    first_at = fields.DateTime(required=True)
    last_at = fields.DateTime(required=True)
    rows = fields.Integer(required=True, metadata={"description": "taken by bulk reads"})


class DossierSchema(Schema):
    """A breach with what the platform knows of it."""

    breach = fields.Nested(BreachSchema, required=True)
    rows_in_base = fields.Integer(required=True)
    traces = fields.List(fields.Nested(TraceSchema), required=True)


class TextsSchema(Schema):
    """What is told, or a draft of it."""

    authority = fields.String(required=True)
    people = fields.String(required=True)


class AlertSchema(Schema):
    """Somebody took many rows: at once, or with those taken earlier that day."""

    at = fields.DateTime(required=True)
    actor_role = fields.String(required=True)
    user_name = fields.String(required=True, allow_none=True)
    org_name = fields.String(required=True, allow_none=True)
    object_kind = fields.String(required=True)
    object_id = fields.String(required=True)
    rows = fields.Integer(required=True)
    today = fields.Integer(required=True)


@calls.route("/bases/<code:code>/contracts", methods=["GET"])
@calls.response(200, list_of(ContractSchema))
def contracts(code: str) -> Any:
    """A base's contracts."""
    with unit() as work:
        return {"items": list_contracts(work, code)}


@calls.route("/bases/<code:code>/contracts", methods=["POST"])
@calls.arguments(NewContract)
@calls.response(201, ContractSchema)
def add_contract(body: dict[str, Any], code: str) -> Any:
    """Record the agreement under which the base is worked on."""
    with unit() as work:
        return record_contract(work, code, **body)


@calls.route("/register", methods=["GET"])
@calls.arguments(LanguageQuery, location="query")
@calls.response(200, list_of(ActivitySchema))
def register(query: dict[str, Any]) -> Any:
    """The register of processing."""
    with unit() as work:
        return {"items": list_register(work, front().settings.trade, query["language"])}


@calls.route("/register.csv", methods=["GET"])
@calls.arguments(LanguageQuery, location="query")
@calls.response(200, {"type": "string"}, content_type="text/csv")
def register_csv(query: dict[str, Any]) -> Response:
    """The register as CSV (semicolons)."""
    buffer = io.StringIO()
    writer = SafeWriter(buffer, delimiter=";")
    writer.writerow(COLUMNS)
    with unit() as work:
        for row in register_rows(work, front().settings.trade, query["language"]):
            writer.writerow(row)
    return Response(buffer.getvalue(), mimetype="text/csv")


@calls.route("/register", methods=["POST"])
@calls.arguments(NewActivity)
@calls.response(201, list_of(ActivitySchema))
def add_activity(body: dict[str, Any]) -> Any:
    """Add a line to the register."""
    with unit() as work:
        write_activity(work, **body)
        return {"items": list_register(work, front().settings.trade)}


@calls.route("/requests", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(RequestSchema))
def requests(query: dict[str, Any]) -> Any:
    """Requests of persons: open ones by deadline."""
    with unit() as work:
        return list_requests(work, query["page"])


@calls.route("/requests", methods=["POST"])
@calls.arguments(NewRequest)
@calls.response(201, RequestSchema)
def add_request(body: dict[str, Any]) -> Any:
    """Log a request; its answer is due within a month."""
    with unit() as work:
        return log_request(work, body["kind"], body["reference"], body["received_on"], body["note"])


@calls.route("/requests/<code:code>/extend", methods=["POST"])
@calls.arguments(Extension)
@calls.response(200, RequestSchema)
def extend(body: dict[str, Any], code: str) -> Any:
    """Put the answer off, for a reason."""
    with unit() as work:
        return extend_request(work, code, body["until"], body["reason"])


@calls.route("/requests/<code:code>/answer", methods=["POST"])
@calls.arguments(RequestAnswerSchema)
@calls.response(200, RequestSchema)
def answer(body: dict[str, Any], code: str) -> Any:
    """Note that the person was answered."""
    with unit() as work:
        return answer_request(work, code, body["outcome"], body["note"])


@calls.route("/breaches", methods=["GET"])
@calls.response(200, list_of(BreachSchema))
def breaches() -> Any:
    """Dossiers of breaches."""
    with unit() as work:
        return {"items": list_breaches(work)}


@calls.route("/breaches", methods=["POST"])
@calls.arguments(NewBreach)
@calls.response(201, BreachSchema)
def add_breach(body: dict[str, Any]) -> Any:
    """Open a dossier."""
    with unit() as work:
        return open_breach(work, body.pop("base"), **body)


@calls.route("/breaches/<code:code>", methods=["GET"])
@calls.response(200, DossierSchema)
def dossier(code: str) -> Any:
    """A dossier with the base's rows and who did what in that time."""
    with unit() as work:
        return breach_dossier(work, code)


@calls.route("/breaches/<code:code>/texts", methods=["GET"])
@calls.arguments(LanguageQuery, location="query")
@calls.response(200, TextsSchema)
def texts(query: dict[str, Any], code: str) -> Any:
    """What is told to the authority and to the people: as written down, or drafted from the dossier."""
    with unit() as work:
        return breach_texts(breach_dossier(work, code), query["language"])


@calls.route("/alerts", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(AlertSchema))
def alerts(query: dict[str, Any]) -> Any:
    """Who took many rows, newest first."""
    with unit() as work:
        return list_alerts(work, query["page"])


@calls.route("/breaches/<code:code>/notes", methods=["POST"])
@calls.arguments(BreachNote)
@calls.response(200, BreachSchema)
def note(body: dict[str, Any], code: str) -> Any:
    """Add to a dossier."""
    with unit() as work:
        return note_breach(work, code, **body)
