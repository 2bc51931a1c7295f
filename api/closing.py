"""Closing a month, and opening a softly closed one again."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, fields

from api.fields import list_of, one_of, text
from api.periods import MonthQuery, month_of
from api.work import front, unit
from broker.billing.close_checks import month_findings
from broker.billing.close_month import ask_close, close_answers, period_state
from broker.ledger.reopen import answer_reopening, ask_reopening, list_reopenings

calls = Blueprint("closing", __name__, description="Closing a month")


class FindingSchema(Schema):
    """Something that a check found."""

    code = fields.String(required=True)
    blocks = fields.Boolean(required=True)
    count = fields.Integer(required=True)
    examples = fields.List(fields.String(), required=True)
    say = fields.String(required=True, attribute="en")


class AskSchema(Schema):
    """An ask, and whether it was treated."""

    target = fields.String(required=True)
    asked_at = fields.DateTime(required=True)
    done_at = fields.DateTime(required=True, allow_none=True)


class CloseSchema(Schema):
    """Where a month stands: its state, what the checks find now, what was asked for."""

    month = fields.String(required=True)
    state = fields.String(required=True)
    findings = fields.List(fields.Nested(FindingSchema), required=True)
    asks = fields.List(fields.Nested(AskSchema), required=True)


class CloseRequest(MonthQuery):
    """Which month, and how firmly."""

    target = one_of("soft_closed", "locked", required=False, load_default="locked")


@calls.route("/ledger/close", methods=["GET"])
@calls.arguments(MonthQuery, location="query")
@calls.response(200, CloseSchema)
def close_state(query: dict[str, Any]) -> Any:
    """Look at a month; nothing changes."""
    return _close(month_of(query["month"]))


@calls.route("/ledger/close", methods=["POST"])
@calls.arguments(CloseRequest)
@calls.response(202, CloseSchema)
def close(body: dict[str, Any]) -> Any:
    """Ask a worker to close a month; asked again it changes nothing."""
    month = month_of(body["month"])
    with unit() as work:
        ask_close(work, month, body["target"])
    return _close(month)


class ReopeningSchema(Schema):
    """Somebody asked for a softly closed month to be opened again, and what was answered."""

    code = fields.String(required=True)
    month = fields.Date(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "asked, refused or done"})
    asker = fields.String(required=True)
    asked_at = fields.DateTime(required=True)
    answerer = fields.String(required=True)
    answered_at = fields.DateTime(required=True, allow_none=True)


class NewReopening(MonthQuery):
    """Which month, and why."""

    reason = text(2_000)


class ReopeningAnswer(Schema):
    """Open it, or not."""

    answer = one_of("open", "refuse")


@calls.route("/ledger/reopenings", methods=["GET"])
@calls.arguments(MonthQuery, location="query")
@calls.response(200, list_of(ReopeningSchema))
def reopenings(query: dict[str, Any]) -> Any:
    """What was asked and answered about opening a month again."""
    with unit() as work:
        return {"items": list_reopenings(work, month_of(query["month"]))}


@calls.route("/ledger/reopenings", methods=["POST"])
@calls.arguments(NewReopening)
@calls.response(201, ReopeningSchema)
def new_reopening(body: dict[str, Any]) -> Any:
    """Ask for a softly closed month to be opened again; another person has to agree."""
    with unit() as work:
        return ask_reopening(work, month_of(body["month"]), body["reason"])


@calls.route("/ledger/reopenings/<code:code>/answer", methods=["POST"])
@calls.arguments(ReopeningAnswer)
@calls.response(200, ReopeningSchema)
def answer(body: dict[str, Any], code: str) -> Any:
    """Open the month (never whoever asked), or refuse."""
    with unit() as work:
        return answer_reopening(work, code, yes=body["answer"] == "open")


def _close(month: date) -> dict[str, Any]:
    with unit() as work:
        return {
            "month": f"{month:%Y-%m}",
            "state": period_state(work, month),
            "findings": month_findings(work, front().settings, month),
            "asks": close_answers(work, month),
        }
