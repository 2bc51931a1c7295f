"""`Idempotency-Key`: a POST that a program repeats under the same key is carried out once; and `ETag` for reading."""

from __future__ import annotations

from flask import Flask, Response, g, request

from api.work import actor, front
from broker.accounts.once import begin_once, end_once
from broker.kernel.errors import CourtierError

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
# Replies that hold a secret are shown once and kept nowhere.
SECRET = frozenset({"webhooks.register", "webhooks.rotate"})
LARGEST_REPLY = 1_000_000


def install(app: Flask) -> None:
    """Look at the key before each POST with a JSON body or none; keep the reply after it."""

    @app.before_request
    def begin() -> Response | None:
        key = request.headers.get(HEADER)
        if key is None or request.method != "POST" or request.endpoint is None or "actor" not in g:
            return None
        if request.mimetype not in ("", "application/json"):
            return None  # a file that is sent in pieces has a place of its own to go on from
        call = f"{request.method} {request.path}?{request.query_string.decode('latin-1')}"
        with front().database.begin(actor()) as unit:
            earlier = begin_once(unit, key, call, request.get_data())
        if earlier is None:
            g.once = key
            return None
        reply = Response(earlier.body, earlier.status, mimetype="application/json")
        reply.headers[REPLAYED] = "true"
        return reply

    @app.after_request
    def end(reply: Response) -> Response:
        key = g.pop("once", None)
        if key is not None:
            text = reply.get_data(as_text=True)
            kept = request.endpoint not in SECRET and len(text) <= LARGEST_REPLY
            try:
                with front().database.begin(actor()) as unit:
                    end_once(unit, key, reply.status_code, text if kept else None)
            except CourtierError:
                pass  # the work is done and marked: a second call learns that, without the reply
        return reply

    @app.after_request
    def tag(reply: Response) -> Response:
        read = request.method == "GET" and reply.status_code == 200 and reply.mimetype == "application/json"
        if read and not reply.direct_passthrough and not reply.is_streamed and "actor" in g:
            reply.add_etag(weak=True)
            reply.headers["Cache-Control"] = "private, no-cache"  # kept, but asked about each time
            reply.make_conditional(request)
        return reply
