"""In whose name we sell, by whose word we invoice; what registers of VAT numbers answered."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import PageQuery, code_field, one_of, page_of, text, whole
from api.work import unit
from broker.billing.invoices.mandates import list_mandates, list_roles, record_mandate, record_role
from broker.billing.invoices.vat_check import vat_answers
from broker.kernel.paging import sliced

calls = Blueprint("mandates", __name__, description="Mandates, contract roles, VAT numbers")
ROLES = ("principal", "agent_of_owner", "agent_of_advertiser")


class InvoicingMandateSchema(Schema):
    """An owner's word that invoices may be issued in its name."""

    code = fields.String(required=True)
    owner = fields.String(required=True)
    reference = fields.String(required=True)
    signatory = fields.String(required=True)
    signed_on = fields.Date(required=True)
    ends_on = fields.Date(required=True, allow_none=True)
    contest_days = fields.Integer(required=True)


class NewInvoicingMandate(Schema):
    """A signed mandate; an owner leaves `owner` out."""

    owner = fields.String(load_default="", validate=validate.Length(max=60))
    reference = text(140)
    signatory = text(140)
    signed_on = fields.Date(required=True)
    contest_days = whole(1, 365, required=False, load_default=30)


@calls.route("/invoicing-mandates", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(InvoicingMandateSchema))
def mandates(query: dict[str, Any]) -> Any:
    """The mandates that the caller is a party of."""
    with unit() as work:
        work.actor.require("owner", "broker", "accountant")
        return sliced(list_mandates(work), query["page"])


@calls.route("/invoicing-mandates", methods=["POST"])
@calls.arguments(NewInvoicingMandate)
@calls.response(201, InvoicingMandateSchema)
def new_mandate(body: dict[str, Any]) -> Any:
    """Record a mandate to invoice in an owner's name."""
    with unit() as work:
        return record_mandate(work, body.pop("owner"), **body)


class RoleSchema(Schema):
    """In whose name we sell for a party."""

    code = fields.String(required=True)
    party = fields.String(required=True)
    role = fields.String(required=True)
    reference = fields.String(required=True)
    signatory = fields.String(required=True)
    signed_on = fields.Date(required=True)
    ends_on = fields.Date(required=True, allow_none=True)
    pay_when_paid = fields.Boolean(required=True)


class NewRole(Schema):
    """A signed contract."""

    party = code_field()
    role = one_of(*ROLES)
    reference = text(140)
    signatory = text(140)
    signed_on = fields.Date(required=True)
    pay_when_paid = fields.Boolean(load_default=False)


@calls.route("/roles", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(RoleSchema))
def roles(query: dict[str, Any]) -> Any:
    """The role contracts that the caller is a party of."""
    with unit() as work:
        return sliced(list_roles(work), query["page"])


@calls.route("/roles", methods=["POST"])
@calls.arguments(NewRole)
@calls.response(201, RoleSchema)
def new_role(body: dict[str, Any]) -> Any:
    """Record in whose name we sell for a party; orders quoted from then on follow it."""
    with unit() as work:
        return record_role(work, body.pop("party"), body.pop("role"), **body)


class VatAnswerSchema(Schema):
    """What a register said about a VAT number."""

    party = fields.String(required=True)
    vat_number = fields.String(required=True)
    valid = fields.Boolean(required=True)
    name = fields.String(required=True)
    consultation = fields.String(required=True)
    source = fields.String(required=True)
    asked_at = fields.DateTime(required=True)


@calls.route("/vat-answers", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(VatAnswerSchema))
def answers(query: dict[str, Any]) -> Any:
    """Stored answers about VAT numbers, the newest first."""
    with unit() as work:
        return sliced(vat_answers(work), query["page"])
