"""GET /o/<token>.gif below the framework: an empty picture, and one more in a number."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from broker.feedback.count_opens import OpenCount
from broker.kernel.errors import InvalidInput
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import read_token
from web.public.fast_click import Wsgi, manner_of

DOOR, ENDING = "/o/", ".gif"
# One transparent point (GIF89a).
PICTURE = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
HEADERS = [
    ("Content-Type", "image/gif"),
    ("Content-Length", str(len(PICTURE))),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
]


class FastOpens:
    """WSGI: answers for the picture, hands everything else to `rest`. A damaged address gets the picture as well."""

    def __init__(self, rest: Wsgi, front: FrontKeys, opens: OpenCount) -> None:
        self._rest = rest
        self._front = front
        self._opens = opens

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if not (path.startswith(DOOR) and path.endswith(ENDING) and environ["REQUEST_METHOD"] in ("GET", "HEAD")):
            return self._rest(environ, start_response)
        if manner_of(environ) == "get":
            with suppress(InvalidInput):  # nothing is said of whether the address is one of ours
                self._opens.note(read_token(self._front, "open", path[len(DOOR) : -len(ENDING)]))
        start_response("200 OK", HEADERS.copy())
        return () if environ["REQUEST_METHOD"] == "HEAD" else (PICTURE,)
