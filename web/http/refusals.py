"""Refusals as pages: each error class has its status, each code its sentence in French.

The domain writes its sentences in English with the facts in them; French pages show the sentence of the code, and for
a code that has none yet, the general sentence of its class with the English one behind it.
"""

from __future__ import annotations

import logging
from typing import Any

from flask import Flask, Response, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.exceptions import HTTPException

from broker.kernel.errors import (
    Conflict,
    CourtierError,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OutOfRange,
    Unavailable,
)
from web.http.figured import with_figures
from web.http.language import current
from web.http.sentences import SENTENCES
from web.http.session import to_login

log = logging.getLogger(__name__)


def sentence(error: CourtierError) -> str:
    """What the page says of a refusal, in its language."""
    if current() == "en":
        return error.sentence
    if error.code == NotFound.default_code and error.field:
        return _("Nothing of yours bears this code: look at it again.")
    known = with_figures(error) or SENTENCES.get(error.code)
    if known is not None:
        return str(known)
    return f"{general(error)} ({error.sentence})"


def said(code: str | None, text: str) -> str:
    """The same for a refusal that a job met and kept: its code and its English sentence."""
    known = SENTENCES.get(code or "")
    return text if current() == "en" or known is None else str(known)


def general(error: CourtierError) -> str:
    """A sentence for a class of refusals."""
    if isinstance(error, InvalidInput):
        return _("Something in the form needs correcting.")
    if isinstance(error, NotFound):
        return _("There is no such page, or it is not yours to see.")
    if isinstance(error, Forbidden):
        return _("Your role does not allow this.")
    if isinstance(error, NotAuthenticated):
        return _("Please log in first.")
    if isinstance(error, Conflict):
        return _("The state of things does not allow this now.")
    if isinstance(error, Unavailable):
        return _("A service does not answer at the moment. Try again in a minute.")
    return _("This was refused.")


def page(template: str, refusal: CourtierError, **values: Any) -> Response:
    """A form shown again with what was wrong."""
    return make_response(render_template(template, refusal=refusal, **values), refusal.status)


def install(app: Flask) -> None:
    """Turn every refusal into a page that says how to go on, never a traceback."""
    app.jinja_env.globals.update(sentence=sentence, said=said)

    @app.errorhandler(CourtierError)
    def refused(error: CourtierError) -> Response:
        if isinstance(error, NotAuthenticated):
            return to_login()
        if error.status >= 500:
            log.error("page refused", extra={"code": error.code, "endpoint": request.endpoint})
        reply = make_response(
            render_template("error.html", status=error.status, message=sentence(error), refusal=error), error.status
        )
        if isinstance(error, OutOfRange):
            reply.headers["Content-Range"] = f"bytes */{error.details['size']}"
        return reply

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        if status < 400:
            return make_response("", status, dict(error.get_headers()))
        reply = make_response(render_template("error.html", status=status, message=http_sentence(status)), status)
        for name, value in error.get_headers():
            if name in ("Allow", "Retry-After"):
                reply.headers[name] = value
        return reply


def http_sentence(status: int) -> str:
    """What to say for a reply that no verb gave."""
    sentences = {
        404: _("There is no such page, or it is not yours to see."),
        405: _("This address does not take that kind of request."),
        413: _("This is larger than the server takes."),
        429: _("Too many tries from your address. Wait a minute, then try again."),
    }
    if status >= 500:
        return _("Something broke on our side. The error is recorded; try again in a minute.")
    return sentences.get(status, _("The request could not be understood."))
