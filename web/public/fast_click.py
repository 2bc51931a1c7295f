"""GET /c/<token> below the framework: token, journal, redirect, and nothing else.

What is not plainly a click of ours (a damaged token, an unknown link, a journal without room) goes on to the Flask
route, which asks the database and explains itself on a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.urls import iri_to_uri

from broker.feedback.click_ids import placed, with_click_id
from broker.feedback.frozen_links import FrozenLinks
from broker.feedback.journal import Journal
from broker.feedback.model import Manner
from broker.kernel.errors import InvalidInput, Unavailable
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import TokenRef, read_token

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]
DOOR = "/c/"
FOUND = "302 FOUND"
MOST_KEPT = 10_000
# Those of `page.HEADERS` that say something of a redirect.
HEADERS = [
    ("Content-Length", "0"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("Cache-Control", "no-store"),
]


class FastClicks:
    """WSGI: answers clicks, hands everything else to `rest`."""

    def __init__(self, rest: Wsgi, front: FrontKeys, links: FrozenLinks, journal: Journal) -> None:
        self._rest = rest
        self._front = front
        self._links = links
        self._journal = journal
        self._replies: dict[tuple[int, int, int], list[tuple[str, str]]] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith(DOOR) and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            headers = self._keep(path[len(DOOR) :], environ)
            if headers is not None:
                start_response(FOUND, headers.copy())
                return ()
        return self._rest(environ, start_response)

    def _keep(self, token: str, environ: dict[str, Any]) -> list[tuple[str, str]] | None:
        """The headers of the redirect, once the hit is kept; None when this is not for us."""
        try:
            ref = placed(read_token(self._front, "click", token))
            headers = self._replies.get((ref.dispatch_id, ref.mailing_id, ref.link)) or self._find(ref)
            if headers is not None:
                self._journal.keep_hit(
                    ref,
                    ip=environ.get("REMOTE_ADDR", ""),
                    agent=environ.get("HTTP_USER_AGENT", ""),
                    manner=manner_of(environ),
                )
        except (InvalidInput, Unavailable, OSError):
            return None
        if headers is None or "click_id" not in headers[0][1]:
            return headers
        return [("Location", with_click_id(self._front, headers[0][1], ref)), *HEADERS]

    def _find(self, ref: TokenRef) -> list[tuple[str, str]] | None:
        url = self._links.find(ref)
        if url is None:
            return None
        if len(self._replies) >= MOST_KEPT:
            self._replies.clear()
        headers = [("Location", iri_to_uri(url)), *HEADERS]
        self._replies[ref.dispatch_id, ref.mailing_id, ref.link] = headers
        return headers


def manner_of(environ: dict[str, Any]) -> Manner:
    """How the link was fetched."""
    if environ["REQUEST_METHOD"] == "HEAD":
        return "head"
    purpose = f"{environ.get('HTTP_SEC_PURPOSE', '')} {environ.get('HTTP_PURPOSE', '')}"
    if purpose == " ":
        return "get"
    purpose = purpose.lower()
    return "prefetch" if "prefetch" in purpose or "preview" in purpose else "get"
