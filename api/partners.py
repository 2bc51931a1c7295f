"""A base's partners: the versions of its list, the policy and the notices; which fields a person may fill in itself."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import list_of, text
from api.work import front, unit
from broker.bases.find_base import find_base
from broker.bases.partner_policy import POLICIES, change_partner_policy, list_policy_changes
from broker.bases.profile_fields import choose_profile_fields, open_fields, supplied_counts
from broker.bases.publish_partner_list import list_versions
from broker.kernel.database import UnitOfWork
from broker.mailings.announce_partners import announce_partners, list_notices

calls = Blueprint("partners", __name__, description="Partner lists, policies and notices of a base")

LANGUAGE = validate.OneOf(["fr", "en"])


class ListedPartner(Schema):
    """A name as it stands on a version."""

    name = fields.String(required=True)
    sector = fields.String(required=True, allow_none=True)
    is_advertiser = fields.Boolean(required=True)


class PartnerVersionSchema(Schema):
    """One version of the public list, and what it changed."""

    version = fields.Integer(required=True)
    published_at = fields.DateTime(required=True)
    partners = fields.List(fields.Nested(ListedPartner), required=True)
    added = fields.List(fields.String(), required=True)
    removed = fields.List(fields.String(), required=True)


class NewPolicy(Schema):
    """Another policy, signed with the acting user's own name."""

    policy = fields.String(required=True, validate=validate.OneOf(POLICIES))
    signature = text(120)
    language = fields.String(load_default="fr", validate=LANGUAGE)


class PolicyChangeSchema(Schema):
    """A signed change of the policy."""

    from_policy = fields.String(required=True)
    to_policy = fields.String(required=True)
    statement = fields.String(required=True)
    signed_by = fields.String(required=True)
    at = fields.DateTime(required=True)


class NewPartnerNotice(Schema):
    """The language in which people are told."""

    language = fields.String(load_default="fr", validate=LANGUAGE)


class PartnerNoticeSchema(Schema):
    """A notice and how far it is; `told` counts accepted copies."""

    code = fields.String(required=True)
    version = fields.Integer(required=True)
    created_at = fields.DateTime(required=True)
    starts_at = fields.DateTime(required=True)
    wait_days = fields.Integer(required=True)
    mailing_code = fields.String(required=True, allow_none=True)
    state = fields.String(required=True)
    ended_at = fields.DateTime(required=True, allow_none=True)
    problem = fields.String(required=True, allow_none=True)
    told = fields.Integer(required=True)


class ChosenFields(Schema):
    """The fields that are open to persons."""

    fields_ = fields.List(text(60), required=True, data_key="fields", validate=validate.Length(max=200))


class ProfileFieldsSchema(Schema):
    """Open fields, fields that could be open, and how many contacts supplied each."""

    opened = fields.List(fields.String(), required=True)
    possible = fields.List(fields.String(), required=True)
    supplied = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


@calls.route("/bases/<code:base>/partner-lists", methods=["GET"])
@calls.response(200, list_of(PartnerVersionSchema))
def versions(base: str) -> dict[str, Any]:
    """Every version of the partner list, the newest first."""
    with unit() as work:
        return {"items": list_versions(work, base)}


@calls.route("/bases/<code:base>/partner-policy", methods=["GET"])
@calls.response(200, list_of(PolicyChangeSchema))
def policy_changes(base: str) -> dict[str, Any]:
    """Every signed change of the partner policy, the newest first."""
    with unit() as work:
        return {"items": list_policy_changes(work, base)}


@calls.route("/bases/<code:base>/partner-policy", methods=["POST"])
@calls.arguments(NewPolicy)
@calls.response(201, list_of(PolicyChangeSchema))
def change_policy(body: dict[str, Any], base: str) -> dict[str, Any]:
    """Sign for another policy; only a person who signs for the controller may."""
    days = front().settings.trade.notice_days
    with unit() as work:
        change_partner_policy(work, base, body["policy"], body["signature"], body["language"], days)
        return {"items": list_policy_changes(work, base)}


@calls.route("/bases/<code:base>/partner-notices", methods=["GET"])
@calls.response(200, list_of(PartnerNoticeSchema))
def notices(base: str) -> dict[str, Any]:
    """The notices of added partners, the newest first."""
    with unit() as work:
        return {"items": list_notices(work, base)}


@calls.route("/bases/<code:base>/partner-notices", methods=["POST"])
@calls.arguments(NewPartnerNotice)
@calls.response(201, list_of(PartnerNoticeSchema))
def announce(body: dict[str, Any], base: str) -> dict[str, Any]:
    """Sign and send the notice of the list in force."""
    with unit() as work:
        announce_partners(work, base, body["language"], front().settings.trade.notice_days)
        return {"items": list_notices(work, base)}


@calls.route("/bases/<code:base>/profile-fields", methods=["GET"])
@calls.response(200, ProfileFieldsSchema)
def profile_fields(base: str) -> dict[str, Any]:
    """Which fields a person may complete or correct itself, and how many did."""
    with unit() as work:
        return _fields(work, base)


@calls.route("/bases/<code:base>/profile-fields", methods=["PUT"])
@calls.arguments(ChosenFields)
@calls.response(200, ProfileFieldsSchema)
def choose_fields(body: dict[str, Any], base: str) -> dict[str, Any]:
    """Open these fields, and no others."""
    with unit() as work:
        choose_profile_fields(work, base, body["fields_"])
        return _fields(work, base)


def _fields(work: UnitOfWork, base: str) -> dict[str, Any]:
    opened, possible = open_fields(work, find_base(work, base).code)
    return {"opened": opened, "possible": possible, "supplied": supplied_counts(work, base)}
