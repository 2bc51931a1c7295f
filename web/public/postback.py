"""/postback/<programme>: an advertiser's server reports a lead or a sale, signed. Answers machines: JSON, no page."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from flask import Blueprint, jsonify, request
from werkzeug.wrappers import Response

from broker.affiliation.postback import FIELDS, Signed, accept_postback, note_refusal
from broker.kernel.actor import PUBLIC
from broker.kernel.errors import CourtierError, InvalidInput
from web.public.page import LARGEST_FORM, Door

HEADER = "Courtier-Signature"
_SIGNED_WITH = "&sig="


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the route."""

    @blueprint.route("/postback/<programme>", methods=["GET", "POST"])
    def postback(programme: str) -> Response:
        try:
            signed, fields = _by_query() if request.method == "GET" else _by_body()
            with door.database.begin(PUBLIC) as unit:
                said = accept_postback(unit, door.front, programme, signed, fields)
        except CourtierError as error:
            if error.status < 500:
                with door.database.begin(PUBLIC) as unit:
                    note_refusal(unit, programme, error.code)
            return _answer(
                {"error": error.code, "say": error.sentence, **({"field": error.field} if error.field else {})},
                error.status,
            )
        return _answer({"code": said.code, "state": said.state, "reason": said.reason, "fresh": said.fresh}, 200)


def _by_query() -> tuple[Signed, dict[str, str]]:
    """Everything before `&sig=` is signed as it stands, `t` within it."""
    raw = request.environ.get("QUERY_STRING", "")
    message, mark, signature = raw.rpartition(_SIGNED_WITH)
    if not mark:
        raise InvalidInput("Sign the query and end it with &sig=….", code="missing_signature", field="sig")
    try:
        fields = dict(parse_qsl(message, max_num_fields=20))
    except ValueError:
        raise InvalidInput("The query has too many fields.", code="bad_message") from None
    return Signed(message.encode("latin-1"), fields.get("t", ""), signature), _known(fields)


def _by_body() -> tuple[Signed, dict[str, str]]:
    """The body is signed as it stands; `t` and the signature are in the header, as `t=…,v1=…`."""
    request.max_content_length = LARGEST_FORM  # of a body in chunks as well
    if (request.content_length or 0) > LARGEST_FORM:
        raise InvalidInput("A postback has at most 16 KB.", code="bad_message")
    body = request.get_data(cache=True)
    parts = dict(part.strip().partition("=")[::2] for part in request.headers.get(HEADER, "").split(","))
    if "v1" not in parts:
        raise InvalidInput(
            f"Send the signature in the header {HEADER}: t=…,v1=….", code="missing_signature", field="sig"
        )
    given: Any = request.get_json(silent=True) if request.is_json else dict(parse_qsl(body.decode("utf-8", "replace")))
    if not isinstance(given, dict):
        raise InvalidInput("Send a JSON object, or a form.", code="bad_message")
    fields = {str(name): str(value) for name, value in given.items() if value is not None}
    return Signed(body, parts.get("t", ""), parts["v1"]), _known(fields)


def _known(fields: dict[str, str]) -> dict[str, str]:
    """Fields of ours; others (a session id, a campaign's name) are ignored and never kept."""
    return {name: fields[name].replace("\0", "") for name in FIELDS if name in fields}


def _answer(content: dict[str, Any], status: int) -> Response:
    reply = jsonify(content)
    reply.status_code = status
    return reply
