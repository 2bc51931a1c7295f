"""Columns in which a few forbidden words occur, for the broker to decide on."""

from __future__ import annotations

from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import PageQuery, one_of, page_of, text
from api.work import unit
from broker.bases.review_columns import VERDICTS, decide_review, list_reviews

calls = Blueprint("reviews", __name__, description="Columns that a person of the broker's looks at")


class ReviewSchema(Schema):
    """A column: the words are the lexicon's, never a cell."""

    code = fields.String(required=True)
    base = fields.String(attribute="base_code", required=True)
    owner = fields.String(attribute="owner_name", required=True)
    import_code = fields.String(required=True)
    header = fields.String(required=True)
    category = fields.String(required=True)
    words = fields.List(fields.String(), required=True)
    found = fields.Integer(required=True)
    filled = fields.Integer(required=True)
    verdict = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True)
    decided_at = fields.DateTime(required=True, allow_none=True)
    created_at = fields.DateTime(required=True)


class ReviewQuery(PageQuery):
    """Those that wait, or those decided."""

    decided = fields.Boolean(load_default=False)


class Verdict(Schema):
    """A verdict and its reason, which the owner reads."""

    verdict = one_of(*VERDICTS)
    reason = text(1000)


@calls.route("/reviews", methods=["GET"])
@calls.arguments(ReviewQuery, location="query")
@calls.response(200, page_of(ReviewSchema))
def index(query: dict[str, Any]) -> Any:
    """Columns that wait for a verdict, the eldest first, or those that have one."""
    with unit() as work:
        return list_reviews(work, decided=query["decided"], page=query["page"])


@calls.route("/reviews/<code:code>", methods=["POST"])
@calls.arguments(Verdict)
@calls.response(200, ReviewSchema)
def decide(body: dict[str, Any], code: str) -> Any:
    """Allow a column or refuse it; final."""
    with unit() as work:
        return decide_review(work, code, body["verdict"], body["reason"])
