"""What mailings did to an owner's contacts, by its own reference; objections to an advertiser, as hashes."""

from __future__ import annotations

from typing import Any

from flask import Response
from flask_smorest import Blueprint
from marshmallow import Schema, fields, validate

from api.fields import LARGEST_INT, list_of, text
from api.work import actor, front, unit
from broker.feedback.list_results import (
    COLUMNS,
    HASH_COLUMNS,
    list_objections,
    list_results,
    objection_rows,
    result_rows,
    sum_results,
)
from broker.feedback.results_model import KINDS, MOST_AT_ONCE
from broker.kernel.safe_csv import csv_lines

calls = Blueprint("results", __name__, description="What became of people, told to those who may know")


class OwnerResultSchema(Schema):
    """One thing that happened to one contact; `reference` is the owner's own, empty where its files gave none."""

    id = fields.Integer(required=True, metadata={"description": "Grows: go on with after=<the last one read>."})
    base = fields.String(required=True)
    mailing = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": list(KINDS)})
    reference = fields.String(required=True)
    detail = fields.String(required=True)
    at = fields.DateTime(required=True)


class ResultSumSchema(Schema):
    """How many results of each kind are held for one mailing."""

    base = fields.String(required=True)
    base_name = fields.String(required=True)
    mailing = fields.String(required=True)
    sent = fields.Integer(required=True)
    bounced = fields.Integer(required=True)
    clicked = fields.Integer(required=True)
    left = fields.Integer(required=True)
    complained = fields.Integer(required=True)
    last_at = fields.DateTime(required=True)


class ObjectionSchema(Schema):
    """Somebody who wants nothing more of the advertiser: hashes of the address, trimmed, in lower case, UTF-8."""

    id = fields.Integer(required=True)
    sha256 = fields.String(required=True)
    md5 = fields.String(required=True)
    at = fields.DateTime(required=True)


class FeedQuery(Schema):
    """Where to go on from, and how many at most."""

    after = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST_INT))
    most = fields.Integer(load_default=MOST_AT_ONCE, validate=validate.Range(1, MOST_AT_ONCE))


class Which(Schema):
    """Which results; without a word all of them."""

    base = text(80, required=False, load_default="")
    mailing = text(80, required=False, load_default="")
    kind = fields.String(load_default="", validate=validate.OneOf(("", *KINDS)))


class ResultQuery(FeedQuery, Which):
    """Both."""


@calls.route("/results", methods=["GET"])
@calls.arguments(ResultQuery, location="query")
@calls.response(200, list_of(OwnerResultSchema))
def index(query: dict[str, Any]) -> Any:
    """The feed of results, oldest first. Programs that listen to `results.ready` read on from its `after`."""
    with unit() as work:
        return {"items": list_results(work, **query)}


@calls.route("/results/sums", methods=["GET"])
@calls.arguments(Which(only=("base",)), location="query")
@calls.response(200, list_of(ResultSumSchema))
def sums(query: dict[str, Any]) -> Any:
    """How many results are held, a row a mailing."""
    with unit() as work:
        return {"items": sum_results(work, query["base"])}


@calls.route("/results.csv", methods=["GET"])
@calls.arguments(Which, location="query")
@calls.response(200, {"type": "string"}, content_type="text/csv")
def file(query: dict[str, Any]) -> Response:
    """All results as CSV (semicolons)."""
    with unit() as work:
        work.actor.require("owner")
    return Response(csv_lines(COLUMNS, result_rows(front().database, actor(), **query)), mimetype="text/csv")


@calls.route("/objections", methods=["GET"])
@calls.arguments(FeedQuery, location="query")
@calls.response(200, list_of(ObjectionSchema))
def objections(query: dict[str, Any]) -> Any:
    """Who wants nothing more of the advertiser, oldest first."""
    with unit() as work:
        return {"items": list_objections(work, **query)}


@calls.route("/objections.csv", methods=["GET"])
@calls.response(200, {"type": "string"}, content_type="text/csv")
def objection_file() -> Response:
    """The same as CSV (semicolons): compare with the SHA-256 or MD5 of your own addresses."""
    with unit() as work:
        work.actor.require("advertiser")
    return Response(csv_lines(HASH_COLUMNS, objection_rows(front().database, actor())), mimetype="text/csv")
