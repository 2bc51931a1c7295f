"""Organisations, for the broker."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import list_of, one_of, text
from api.work import front, unit
from broker.accounts.list_organisations import list_organisations
from broker.accounts.mail_link import mail_link
from broker.accounts.open_organisation import OPENED, open_organisation

calls = Blueprint("organisations", __name__, description="Who uses the platform")
FACTS = ("siren", "vat_number", "street", "postcode", "city", "country")


class OrganisationSchema(Schema):
    """An owner, an advertiser, an agency or the house."""

    code = fields.String(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    siren = fields.String(required=True, allow_none=True)
    vat_number = fields.String(required=True, allow_none=True)
    city = fields.String(required=True, allow_none=True)
    country = fields.String(required=True)
    language = fields.String(required=True)


class NewOrganisation(Schema):
    """An organisation and its first person, who is invited by mail. A French one needs its SIREN."""

    kind = one_of(*OPENED)
    name = text(200)
    siren = text(20, least=0, required=False, load_default="")
    vat_number = text(30, least=0, required=False, load_default="")
    street = text(200, least=0, required=False, load_default="")
    postcode = text(20, least=0, required=False, load_default="")
    city = text(200, least=0, required=False, load_default="")
    country = text(2, least=2, required=False, load_default="FR")
    person = text(200)
    email = text(254)
    language = one_of("fr", "en", required=False, load_default="fr")


@calls.route("/organisations", methods=["GET"])
@calls.response(200, list_of(OrganisationSchema))
def index() -> Any:
    """All organisations by kind and name."""
    with unit() as work:
        return {"items": list_organisations(work)}


@calls.route("/organisations", methods=["POST"])
@calls.arguments(NewOrganisation)
@calls.response(201, OrganisationSchema)
def add(body: dict[str, Any]) -> Any:
    """Let an organisation in; a worker mails its first person the link by which the password is chosen."""
    with unit() as work:
        made, user, token = open_organisation(
            work,
            body["kind"],
            body["name"],
            {key: body[key] for key in FACTS},
            email=body["email"],
            person=body["person"],
            language=body["language"],
        )
        link = f"{front().settings.web.public_url}/login/password/{token}"
        mail_link(work, front().keys, user.email, "invitation", link)
        return made
