"""What front and audience process say to each other: one JSON object a line over a Unix socket.

Request `{"call": name, "arguments": {…}}`; replies `{"working": true}` at once, so that a process that hangs is told
from one that computes, then `{"answer": {…}}` or `{"error": {kind, code, sentence, field, details}}`.
"""

from __future__ import annotations

import json
from typing import Any

from broker.audience.model import QuestionBudgetSpent
from broker.kernel import errors
from broker.kernel.errors import CourtierError

LARGEST_MESSAGE = 8 << 20
KINDS: dict[str, type[CourtierError]] = {
    kind.__name__: kind
    for kind in (
        CourtierError,
        errors.InvalidInput,
        errors.NotFound,
        errors.Forbidden,
        errors.Conflict,
        errors.Unavailable,
        errors.IntegrityFault,
        QuestionBudgetSpent,
    )
}


def line(message: dict[str, Any]) -> bytes:
    """One message as it travels."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def error_message(error: CourtierError) -> dict[str, Any]:
    """An error as it travels."""
    kind = type(error).__name__
    return {
        "error": {
            "kind": kind if kind in KINDS else "CourtierError",
            "code": error.code,
            "sentence": error.sentence,
            "field": error.field,
            "details": error.details,
        }
    }


def error_of(told: dict[str, Any]) -> CourtierError:
    """The error that was told, of its own class again."""
    kind = KINDS.get(told["kind"], CourtierError)
    return kind(told["sentence"], code=told["code"], field=told["field"], details=told["details"])
