"""POST /u/<token> of mail programmes below the framework (RFC 8058): token, suppression, answer, and nothing else.

When a mailing goes out, thousands leave within minutes; a page made for each kept the last ones waiting for seconds.
What is not plainly the one click (a form of a person, another body, a damaged token, an unknown mailing) goes on to the
Flask route, which explains itself on a page.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from typing import Any

from broker.feedback.journal import Journal
from broker.feedback.leave_together import LeaveTogether
from broker.feedback.model import ONE_CLICK_SCOPE
from broker.kernel.errors import InvalidInput, NotFound, Unavailable
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import TokenRef, read_token
from web.public.fast_click import Wsgi
from web.public.page import LARGEST_FORM

DOOR = "/u/"
ANSWER = b"OK\n"  # programmes look at the status alone
HEADERS = [
    ("Content-Type", "text/plain"),
    ("Content-Length", str(len(ANSWER))),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Robots-Tag", "noindex, nofollow"),
]
_FORM = re.compile(rb"\s*List-Unsubscribe=One-Click\s*")
_PARTS = re.compile(
    rb'--[^\r\n]{1,70}\r\nContent-Disposition: *form-data; *name="?List-Unsubscribe"?\r\n'
    rb"(?:[!-9;-~]+:[^\r\n]*\r\n){0,3}\r\nOne-Click\r\n--[^\r\n]{1,72}\s*",
    re.IGNORECASE,
)


class FastLeaving:
    """WSGI: answers the one click of mail programmes, hands everything else to `rest`."""

    def __init__(self, rest: Wsgi, front: FrontKeys, leaving: LeaveTogether, journal: Journal) -> None:
        self._rest = rest
        self._front = front
        self._leaving = leaving
        self._journal = journal

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "POST" or not path.startswith(DOOR) or "/" in path[len(DOOR) :]:
            return self._rest(environ, start_response)
        length = environ.get("CONTENT_LENGTH", "")
        if length.isdecimal() and 0 < int(length) <= LARGEST_FORM:
            body = environ["wsgi.input"].read(int(length))
            environ["wsgi.input"] = io.BytesIO(body)  # for whoever reads it after us
            if one_click(environ.get("CONTENT_TYPE", ""), body) and self._act(path[len(DOOR) :]):
                start_response("200 OK", HEADERS.copy())
                return (ANSWER,)
        return self._rest(environ, start_response)

    def _act(self, token: str) -> bool:
        """Whether the wish is carried out or kept in the journal; False: not for us."""
        try:
            ref = read_token(self._front, "leave", token)
            self._leaving.knows(ref)
        except (InvalidInput, NotFound, Unavailable):
            return False
        try:
            self._leaving.leave(ref, ONE_CLICK_SCOPE)
        except Unavailable:
            return self._keep(ref)
        return True

    def _keep(self, ref: TokenRef) -> bool:
        try:
            self._journal.keep_leaving(ref, ONE_CLICK_SCOPE)
        except OSError:
            return False
        return True


def one_click(content_type: str, body: bytes) -> bool:
    """Whether a body is the one field of RFC 8058, section 3.1, in either encoding."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _FORM.fullmatch(body) is not None
    return kind == "multipart/form-data" and _PARTS.fullmatch(body) is not None
