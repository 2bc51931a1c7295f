"""One contact by the owner's customer reference: traits, consent and its history, masked; and its erasure.

No process that answers calls can find a contact: a worker does, and the caller asks again for its answer. References
travel in bodies, never in addresses.
"""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import text
from api.work import front, unit
from broker.audit.bulk_read import note_bulk_read
from broker.bases.ask_contact import LONGEST_REFERENCE, ContactQuestion, ask_contact, find_answer

calls = Blueprint("contacts", __name__, description="One contact, by the owner's own reference")


class ReferenceSchema(Schema):
    """The customer reference as it stands in the owner's files."""

    reference = text(LONGEST_REFERENCE)


class ConsentSchema(Schema):
    """A proof: when, where, under which words, form and partner list."""

    given_at = fields.String(allow_none=True)
    withdrawn_at = fields.String(allow_none=True)
    source = fields.String(allow_none=True)
    wording = fields.String(allow_none=True)
    form_version = fields.String(allow_none=True)
    partner_list_version = fields.Integer(allow_none=True)
    partners = fields.List(fields.String(), metadata={"description": "the names on that version"})
    quarantined = fields.Boolean(metadata={"description": "the broker found the source wanting"})


class EventSchema(Schema):
    """What was given or withdrawn earlier, and the import that brought what replaced it."""

    kind = fields.String(required=True, metadata={"description": "given, withdrawn"})
    at = fields.String(required=True)
    source = fields.String(allow_none=True)
    wording = fields.String(allow_none=True)
    form_version = fields.String(allow_none=True)
    partner_list_version = fields.Integer(allow_none=True)
    partners = fields.List(fields.String())
    import_code = fields.String(required=True)
    recorded_at = fields.String(required=True)


class ConsentHistorySchema(Schema):
    """The consent of a contact, what it was before, and what keeps mail from the person."""

    consent = fields.Nested(ConsentSchema, allow_none=True)
    history = fields.List(fields.Nested(EventSchema))
    stops = fields.List(fields.Dict(), metadata={"description": "scope, reason, since"})


class ContactSchema(ConsentHistorySchema):
    """A contact without its identity."""

    identity = fields.Dict(keys=fields.String(), values=fields.String(), metadata={"description": "masked values"})
    relation = fields.String()
    traits = fields.Dict(metadata={"description": "as rules see it; a birth by its year, a place by its beginning"})
    purchases = fields.Dict(allow_none=True, metadata={"description": "lines, amount_cents, first, last"})
    updated_at = fields.String()


class ContactAnswerSchema(Schema):
    """`state` is waiting, answered or unknown (the base has no contact of that reference)."""

    code = fields.String(required=True)
    base = fields.String(attribute="base_code", required=True)
    state = fields.String(required=True)
    contact = fields.Nested(ContactSchema, allow_none=True)
    created_at = fields.DateTime(required=True)


class ConsentAnswerSchema(ContactAnswerSchema):
    """The same, with the consent alone."""

    contact = fields.Nested(ConsentHistorySchema, allow_none=True)


class ErasureSchema(Schema):
    """An erasure: `erased` is null while it waits."""

    code = fields.String(required=True)
    base = fields.String(attribute="base_code", required=True)
    state = fields.String(required=True, metadata={"description": "waiting, answered, unknown"})
    erased = fields.Dict(allow_none=True, metadata={"description": "erasure, contacts, bases"})
    created_at = fields.DateTime(required=True)


@calls.route("/bases/<code:base>/contacts/questions", methods=["POST"])
@calls.arguments(ReferenceSchema)
@calls.response(202, ContactAnswerSchema)
def ask(body: dict[str, Any], base: str) -> Any:
    """Ask about a contact."""
    with unit() as work:
        note_bulk_read(work, "contact", base, 1, front().settings.trade.bulk_read_alert)
        return shown(ask_contact(work, front().keys, base, body["reference"]))


@calls.route("/contacts/questions/<code:code>", methods=["GET"])
@calls.response(200, ContactAnswerSchema)
def answer(code: str) -> Any:
    """The answer: ask again while `state` is waiting. It is forgotten after an hour."""
    with unit() as work:
        return shown(find_answer(work, code))


@calls.route("/contacts/questions/<code:code>/consent", methods=["GET"])
@calls.response(200, ConsentAnswerSchema)
def consent(code: str) -> Any:
    """Of the answer, the consent and how it changed."""
    with unit() as work:
        return shown(find_answer(work, code))


@calls.route("/bases/<code:base>/contacts/erasures", methods=["POST"])
@calls.arguments(ReferenceSchema)
@calls.response(202, ErasureSchema)
def erase(body: dict[str, Any], base: str) -> Any:
    """Erase a person from the base: the address at once, the traits with the next snapshot. Nothing undoes it."""
    with unit() as work:
        return done(ask_contact(work, front().keys, base, body["reference"], "erase"))


@calls.route("/contacts/erasures/<code:code>", methods=["GET"])
@calls.response(200, ErasureSchema)
def erasure(code: str) -> Any:
    """Whether it is done."""
    with unit() as work:
        return done(find_answer(work, code))


def shown(question: ContactQuestion) -> dict[str, Any]:
    """A question as the reply gives it."""
    contact = question.answer if question.kind == "show" else None
    return {
        "code": question.code, "base_code": question.base_code, "state": question.state, "contact": contact,
        "created_at": question.created_at,
    }  # fmt: skip


def done(question: ContactQuestion) -> dict[str, Any]:
    """An erasure as the reply gives it."""
    erased = question.answer if question.kind == "erase" else None
    return {
        "code": question.code, "base_code": question.base_code, "state": question.state, "erased": erased,
        "created_at": question.created_at,
    }  # fmt: skip
