"""Post to an address that somebody gave: held to public hosts like `fetch_public`, and to a time for the whole."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from broker.kernel.fetch_public import PORTS, FetchRefused, Resolve, public_address, resolve_host

LONGEST_RETRY_AFTER = 9  # digits


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply's status, and after how many seconds it asks to be called again (None: it does not say)."""

    status: int
    retry_after: int | None


def target(url: str, private_hosts: Sequence[str] = ()) -> SplitResult:
    """The parts of an address that may be posted to: https on its usual port, or anything on a host of
    `private_hosts`. Raises `FetchRefused`: bad_url, not_https, not_public."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchRefused("bad_url") from None
    host = parts.hostname or ""
    if parts.scheme not in PORTS or not host or parts.username or not url.isascii() or any(map(str.isspace, url)):
        raise FetchRefused("bad_url")
    if host not in private_hosts:
        if parts.scheme != "https":
            raise FetchRefused("not_https")
        if port not in (None, PORTS["https"]):
            raise FetchRefused("not_public")
    return parts


def post_public(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    seconds: float,
    private_hosts: Sequence[str] = (),
    resolve: Resolve | None = None,
) -> Answer:
    """Post once, without following redirects or reading the reply's text. Raises `FetchRefused` when there is no
    reply within `seconds`, whatever the server does meanwhile."""
    parts = target(url, private_hosts)
    host = parts.hostname or ""
    port = parts.port or PORTS[parts.scheme]
    address = public_address(host, port, host in private_hosts, resolve or resolve_host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = f"[{host}]" if ":" in host else host
    connection = http.client.HTTPConnection(named, port, timeout=seconds)
    over = threading.Timer(seconds, _shut, [connection])
    over.daemon = True
    over.start()
    try:
        connection.sock = socket.create_connection((address, port), timeout=seconds)
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
        shown = named if port == PORTS[parts.scheme] else f"{named}:{port}"
        connection.request("POST", path, body, {"Host": shown, "User-Agent": "Courtier", **headers})
        reply = connection.getresponse()
        return Answer(reply.status, _retry_after(reply.headers.get("Retry-After", "")))
    except (OSError, http.client.HTTPException, ValueError):
        raise FetchRefused("no_answer") from None
    finally:
        over.cancel()
        connection.close()


def _shut(connection: http.client.HTTPConnection) -> None:
    """End a conversation that drips: each of its bytes would renew the time of a single read."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _retry_after(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_RETRY_AFTER else None
