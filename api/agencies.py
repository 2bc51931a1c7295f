"""Agencies' mandates; regulated sectors; subscribed suppression files and their hosts."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, code_field, list_of, one_of, page_of, text
from api.work import unit
from broker.accounts.give_mandate import end_mandate, find_mandate, give_mandate, page_of_mandates
from broker.catalogue.sectors import sector_rules
from broker.suppression.subscribe import (
    allow_host,
    allowed_hosts,
    find_feed,
    forbid_host,
    list_feeds,
    read_again,
    subscribe,
    unsubscribe,
)

calls = Blueprint("agencies", __name__, description="Who acts for whom; what may be sold; files that are fetched")


class MandateSchema(Schema):
    """An advertiser's word that an agency may order in its name. `ends_on` is the last day."""

    code = fields.String(required=True)
    agency = fields.String(attribute="agency_code", required=True)
    agency_name = fields.String(required=True)
    advertiser = fields.String(attribute="advertiser_code", required=True)
    advertiser_name = fields.String(required=True)
    bill_to = fields.String(required=True)
    reference = fields.String(required=True)
    starts_on = fields.Date(required=True)
    ends_on = fields.Date(required=True, allow_none=True)
    state = fields.String(required=True)


class NewMandate(Schema):
    """A mandate to give. `advertiser` is for the broker, who records a written one."""

    agency = code_field()
    bill_to = one_of("advertiser", "agency")
    starts_on = fields.Date(load_default=None, allow_none=True)
    ends_on = fields.Date(load_default=None, allow_none=True)
    reference = text(120, least=0, required=False, load_default="")
    advertiser = text(60, least=0, required=False, load_default="")


class SectorRuleSchema(Schema):
    """A dated rule of a closed or regulated sector. `age` 0: none; one of the texts of `wording` is needed."""

    key = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "forbidden, wording or age"})
    since = fields.Date(required=True)
    until = fields.Date(required=True, allow_none=True)
    law = fields.String(required=True)
    codes = fields.List(fields.String(), required=True)
    names = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    age = fields.Integer(required=True)
    wording = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)


class SuppressionFeedSchema(Schema):
    """A subscribed file. `problem` is a code: why the last reading failed; the last good one counts on."""

    code = fields.String(required=True)
    name = fields.String(required=True)
    host = fields.String(required=True)
    state = fields.String(required=True)
    problem = fields.String(required=True, allow_none=True)
    failures = fields.Integer(required=True)
    entries = fields.Integer(required=True, allow_none=True)
    unread = fields.Integer(required=True, allow_none=True)
    few_match = fields.Boolean(required=True, allow_none=True)
    checked_at = fields.DateTime(required=True, allow_none=True)
    fresh_at = fields.DateTime(required=True, allow_none=True)


class NewFeed(Schema):
    """A file to subscribe: https, on a host that the broker has allowed."""

    name = text(120)
    url = text(2000)


class HostName(Schema):
    """A host."""

    host = text(253)


class HostsSchema(Schema):
    """The hosts that an advertiser's files may be fetched from."""

    hosts = fields.List(fields.String(), required=True)


@calls.route("/mandates", methods=["GET"])
@calls.arguments(PageQuery, location="query")
@calls.response(200, page_of(MandateSchema))
def mandates(query: dict[str, Any]) -> Any:
    """The mandates that the organisation is a party of. An agency's program names its client by `Courtier-For`."""
    with unit() as work:
        return page_of_mandates(work, query["page"])


@calls.route("/mandates", methods=["POST"])
@calls.arguments(NewMandate)
@calls.response(201, MandateSchema)
def give(body: dict[str, Any]) -> Any:
    """Let an agency order in the advertiser's name."""
    with unit() as work:
        return give_mandate(
            work,
            body["agency"],
            body["bill_to"],
            starts_on=body["starts_on"],
            ends_on=body["ends_on"],
            reference=body["reference"],
            advertiser_code=body["advertiser"],
        )


@calls.route("/mandates/<code:code>", methods=["GET"])
@calls.response(200, MandateSchema)
def mandate(code: str) -> Any:
    """One mandate."""
    with unit() as work:
        return find_mandate(work, code)


@calls.route("/mandates/<code:code>/end", methods=["POST"])
@calls.response(200, MandateSchema)
def end(code: str) -> Any:
    """End a mandate at once."""
    with unit() as work:
        return end_mandate(work, code)


@calls.route("/sectors", methods=["GET"])
@calls.response(200, list_of(SectorRuleSchema))
def sectors() -> Any:
    """The rules of closed and regulated sectors, those of other days as well."""
    return {"items": sector_rules()}


@calls.route("/suppression-feeds", methods=["GET"])
@calls.response(200, list_of(SuppressionFeedSchema))
def feeds() -> Any:
    """The advertiser's subscriptions."""
    with unit() as work:
        return {"items": list_feeds(work)}


@calls.route("/suppression-feeds", methods=["POST"])
@calls.arguments(NewFeed)
@calls.response(201, SuppressionFeedSchema)
def add_feed(body: dict[str, Any]) -> Any:
    """Have a file fetched every day and before each send."""
    with unit() as work:
        return subscribe(work, body["name"], body["url"])


@calls.route("/suppression-feeds/<code:code>/read", methods=["POST"])
@calls.response(202, SuppressionFeedSchema)
def read_feed(code: str) -> Any:
    """Read it now."""
    with unit() as work:
        return read_again(work, code)


@calls.route("/suppression-feeds/<code:code>/end", methods=["POST"])
@calls.response(200, SuppressionFeedSchema)
def end_feed(code: str) -> Any:
    """End a subscription; what was keyed of it is forgotten."""
    with unit() as work:
        feed = find_feed(work, code)
        unsubscribe(work, code)
        return feed


@calls.route("/suppression-hosts", methods=["GET"])
@calls.response(200, HostsSchema)
def own_hosts() -> Any:
    """The hosts that one's own files may be fetched from."""
    with unit() as work:
        return {"hosts": allowed_hosts(work)}


@calls.route("/organisations/<code:code>/suppression-hosts", methods=["POST"])
@calls.arguments(HostName)
@calls.response(200, HostsSchema)
def add_host(body: dict[str, Any], code: str) -> Any:
    """Let an advertiser's files be fetched from a host; the broker's."""
    with unit() as work:
        return {"hosts": allow_host(work, code, body["host"])}


@calls.route("/organisations/<code:code>/suppression-hosts/forbid", methods=["POST"])
@calls.arguments(HostName)
@calls.response(200, HostsSchema)
def remove_host(body: dict[str, Any], code: str) -> Any:
    """Fetch nothing more from a host; the broker's."""
    with unit() as work:
        return {"hosts": forbid_host(work, code, body["host"])}
