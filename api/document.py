"""The API's own description: OpenAPI 3.1, at /api/v1/openapi.json and by `courtier openapi`."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, json
from flask_smorest import Api

from api.problems import DOCUMENTED, MEDIA_TYPE

INTRODUCTION = (
    "List rental and affiliate brokerage. Amounts are whole cents, prices of a send whole micro-euros. Objects are"
    " named by codes. A refusal is a problem (RFC 9457) with a stable `code` and a sentence that says how to mend it."
)
EXTENSION = "courtier_openapi"
OPERATIONS = ("get", "post", "put", "patch", "delete")


def install(app: Flask, api: Api) -> None:
    """Serve the description, without a key."""
    page = Blueprint("description", __name__)
    whole = complete(api.spec.to_dict())
    app.extensions[EXTENSION] = whole

    @page.get("/openapi.json")
    def show() -> Response:
        return Response(json.dumps(whole), mimetype="application/json")

    app.register_blueprint(page)


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """Add to each operation the refusals that any call may meet."""
    schema = {"$ref": "#/components/schemas/Problem"}
    components = document.setdefault("components", {})
    components.setdefault("parameters", {})["IdempotencyKey"] = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Repeat a call under the same key: it is carried out once, and answered alike for a day.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    }
    components["responses"] = {
        _name(status): {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in DOCUMENTED
    }
    for path in document.get("paths", {}).values():
        for verb in OPERATIONS:
            if verb in path:
                if verb == "post":
                    path[verb].setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})
                replies = path[verb].setdefault("responses", {})
                for status in DOCUMENTED:
                    replies[str(status)] = {"$ref": f"#/components/responses/{_name(status)}"}
    return document


def _name(status: int) -> str:
    return "".join(word.capitalize() for word in HTTPStatus(status).phrase.split())
