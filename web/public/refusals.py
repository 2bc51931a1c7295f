"""Refusals as pages for persons: what happened and what to do, without a code to decipher."""

from __future__ import annotations

from flask import Blueprint, Response
from werkzeug.exceptions import HTTPException

from broker.kernel.errors import CourtierError, Unavailable
from web.public.page import show


def install(blueprint: Blueprint) -> None:
    """Turn refusals of these pages into pages."""

    @blueprint.errorhandler(CourtierError)
    def refused(error: CourtierError) -> Response:
        if error.code == "bad_scope":
            return show("problem.html", 422, kind="bad_form")
        if error.status >= 500 or isinstance(error, Unavailable):
            reply = show("problem.html", 503, kind="busy")
            reply.headers["Retry-After"] = "30"
            return reply
        return show("problem.html", 404, kind="bad_link")  # a wrong token and a vanished send are never told apart

    @blueprint.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        if status == 429:
            reply = show("problem.html", 429, kind="often")
            reply.headers["Retry-After"] = "60"
            return reply
        if status >= 500:
            return show("problem.html", status, kind="busy")
        return show("problem.html", status, kind="bad_link" if status == 404 else "bad_form")
