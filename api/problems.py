"""Refusals as problem details (RFC 9457): the class gives the status, the error its stable code and sentence."""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, json
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from broker.kernel.errors import CourtierError, OutOfRange

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
# What any call may be answered with besides its own reply; docs/api.md says when.
DOCUMENTED = (400, 401, 403, 404, 409, 413, 422, 429, 500, 503)


class ProblemSchema(Schema):
    """Why a call was refused, and how to mend it."""

    type = fields.Str(required=True, metadata={"description": "urn:courtier:problem:<code>"})
    title = fields.Str(required=True)
    status = fields.Int(required=True)
    detail = fields.Str(required=True, metadata={"description": "A sentence for people, in English."})
    code = fields.Str(required=True, metadata={"description": "Stable; programs decide by it."})
    field = fields.Str(allow_none=True, metadata={"description": "The field at fault, if one is."})
    details = fields.Dict(keys=fields.Str(), metadata={"description": "Figures behind the sentence."})


def problem(
    status: int, code: str, detail: str, field: str | None = None, details: dict[str, Any] | None = None
) -> Response:
    """A problem reply."""
    body: dict[str, Any] = {
        "type": f"urn:courtier:problem:{code}",
        "title": HTTP_STATUS_CODES.get(status, "Refused"),
        "status": status,
        "detail": detail,
        "code": code,
        "field": field,
    }
    if details:
        body["details"] = details
    reply = Response(json.dumps(body), status, mimetype=MEDIA_TYPE)
    if status == 401:
        reply.headers["WWW-Authenticate"] = "Bearer"
    return reply


def install(app: Flask) -> None:
    """Turn every refusal into a problem, never a traceback."""

    @app.errorhandler(CourtierError)
    def refused(error: CourtierError) -> Response:
        reply = problem(error.status, error.code, error.sentence, error.field, dict(error.details))
        if isinstance(error, OutOfRange):
            reply.headers["Content-Range"] = f"bytes */{error.details['size']}"
        return reply

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        faults = getattr(error, "data", {}).get("messages", {}) if status in (400, 422) else {}
        if faults:
            reply = problem(status, "invalid_input", _first_fault(faults), _first_field(faults), {"fields": faults})
        elif status >= 500:
            log.error("call failed: %s", type(getattr(error, "original_exception", error)).__name__)
            reply = problem(status, "internal", "Something broke on our side; the error is recorded.")
        else:
            name = HTTP_STATUS_CODES.get(status, "refused").lower().replace(" ", "_")
            reply = problem(status, name, error.description or name)
        for header, value in error.get_headers():
            if header in ("Allow", "Retry-After"):
                reply.headers[header] = value
        return reply


def _place(faults: Any) -> tuple[list[str], str]:
    """The way to the first fault and its sentence; faults are nested by location, field, index."""
    way: list[str] = []
    while isinstance(faults, dict) and faults:
        key, faults = next(iter(faults.items()))
        way.append(str(key))
    sentence = faults[0] if isinstance(faults, list) and faults else faults
    return way, str(sentence)


def _first_field(faults: Any) -> str | None:
    way, _ = _place(faults)
    return ".".join(way[1:]) or None


def _first_fault(faults: Any) -> str:
    way, sentence = _place(faults)
    name = ".".join(way[1:])
    return f"{name}: {sentence}" if name else sentence
