"""GET /i/<name>: the pictures of mails, from us and never from their author, who would learn there who reads.

An image is named by its content, so it may be cached for ever; nothing is kept of who asked for it.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort, request

from broker.kernel.actor import PUBLIC
from broker.mailings.find_image import find_image
from web.public.page import Door

TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_NAME = re.compile(r"[0-9a-f]{32}\.(png|jpg|gif|webp)").fullmatch
MOST_KEPT = 64_000_000  # bytes held in memory by a process


def install(blueprint: Blueprint, door: Door) -> None:
    """Add the route."""
    kept: dict[str, bytes] = {}

    def content_of(name: str) -> bytes:
        content = kept.get(name)
        if content is None:
            with door.database.begin(PUBLIC) as unit:
                content = find_image(unit, name)
            if sum(map(len, kept.values())) + len(content) > MOST_KEPT:
                kept.clear()
            kept[name] = content
        return content

    @blueprint.get("/i/<name>")
    def image(name: str) -> Response:
        known = _NAME(name)
        if known is None:
            abort(404)
        reply = Response(content_of(name), mimetype=TYPES[known[1]])
        reply.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        reply.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # web mail shows it on its own pages
        reply.set_etag(name)
        reply.make_conditional(request)
        return reply
