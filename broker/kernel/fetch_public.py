"""Fetch a file from an address that somebody gave: an image, a calendar, a list.

The request is held to public hosts: every address that a host name resolves to must be public, the connection goes to
the very address that was looked at (no second resolution to be answered differently), and each redirect is looked at
again.
"""

from __future__ import annotations

import io
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import urllib3

MOST_REDIRECTS = 4
CONNECT_SECONDS, READ_SECONDS = 5.0, 15.0
MOST_SECONDS = 120.0  # for one request, from the connection to the last byte, however slowly they come
ENCODINGS = ("", "identity", "gzip", "x-gzip", "deflate")  # one at most: those inside others are bombs
PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Sequence[str]]


class FetchRefused(Exception):
    """Nothing was fetched; `why` is a code: bad_url, not_public, unknown_host, no_answer, not_found,
    too_many_redirects, too_large, too_slow, host_not_allowed."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file with what its host calls this version of it; `content` None: unchanged since the version asked about."""

    content: bytes | None = field(repr=False)
    etag: str = ""
    last_modified: str = ""


def fetch_changed(
    url: str,
    *,
    accept: str,
    most_bytes: int,
    hosts: Sequence[str],
    private_hosts: Sequence[str] = (),
    etag: str = "",
    last_modified: str = "",
    resolve: Resolve | None = None,
) -> Fetched:
    """The file at `url` if it changed (RFC 9110, section 13), by https and from `hosts` alone.

    Redirects are held to the same. Raises `FetchRefused`, with `host_not_allowed` for another host.
    """
    versions = (("If-None-Match", etag), ("If-Modified-Since", last_modified))
    conditions = {name: value for name, value in versions if value}
    for _ in range(MOST_REDIRECTS + 1):
        parts = _split(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and host not in private_hosts:
            raise FetchRefused("bad_url")
        if host not in hosts:
            raise FetchRefused("host_not_allowed")
        reply = _ask(url, accept, most_bytes, private_hosts, resolve or resolve_host, conditions)
        if not isinstance(reply, str):
            return reply
        url = urljoin(url, reply)
    raise FetchRefused("too_many_redirects")


def fetch_public(
    url: str,
    *,
    accept: str,
    most_bytes: int,
    private_hosts: Sequence[str] = (),
    resolve: Resolve | None = None,
) -> bytes:
    """The file at `url`. Those of `private_hosts` may have private addresses and any port. Raises `FetchRefused`."""
    for _ in range(MOST_REDIRECTS + 1):
        absolute = f"https:{url}" if url.startswith("//") else url
        reply = _ask(absolute, accept, most_bytes, private_hosts, resolve or resolve_host, {})
        if not isinstance(reply, str):
            return reply.content or b""
        url = urljoin(absolute, reply)
    raise FetchRefused("too_many_redirects")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise FetchRefused("bad_url") from None
    return parts


def _ask(
    url: str,
    accept: str,
    most_bytes: int,
    private_hosts: Sequence[str],
    resolve: Resolve,
    conditions: Mapping[str, str],
) -> Fetched | str:
    """One request: the content, or the address it redirects to."""
    parts = _split(url)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    if parts.scheme not in PORTS or not host or parts.username:
        raise FetchRefused("bad_url")
    trusted = host in private_hosts
    if port != PORTS[parts.scheme] and not trusted:
        raise FetchRefused("not_public")
    address = public_address(host, port, trusted, resolve)
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    pool: urllib3.HTTPConnectionPool
    line = _Line()
    if parts.scheme == "https":
        pool = urllib3.HTTPSConnectionPool(
            address, port, timeout=timeout, server_hostname=host, assert_hostname=host, cert_reqs="CERT_REQUIRED"
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, port, timeout=timeout)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    named = f"[{host}]" if ":" in host else host
    headers = {
        "Host": named if port == PORTS[parts.scheme] else f"{named}:{port}",
        "User-Agent": "Courtier",
        "Accept": accept,
        **conditions,
    }
    pool.ConnectionCls = line.watching(pool.ConnectionCls)
    with pool, line.for_seconds(MOST_SECONDS):
        try:
            reply = pool.urlopen("GET", path, headers=headers, redirect=False, retries=1, preload_content=False)
            found = _content(reply, most_bytes)
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError):
            raise FetchRefused("too_slow" if line.over else "no_answer") from None
        if line.over:  # without a length, what was cut looks whole
            raise FetchRefused("too_slow")
        return found


class _Line:
    """The connections of one request, cut when its time is over.

    The time of a reading alone bounds nothing: a host that drips a byte of its headers every few seconds keeps it.
    """

    def __init__(self) -> None:
        self.over = False
        self._sockets: list[socket.socket] = []

    def watching(self, kind: type[Any]) -> type[Any]:
        """The class of connections, each of which says when it is open."""
        line = self

        class Watched(kind):  # type: ignore[misc]
            def connect(self) -> None:
                super().connect()
                line.opened(self.sock)

        return Watched

    def opened(self, connection: socket.socket) -> None:
        """Take note of a connection; one that is opened too late is refused."""
        self._sockets.append(connection)
        if self.over:
            raise OSError("The time of this request is over.")

    @contextmanager
    def for_seconds(self, seconds: float) -> Iterator[None]:
        """Cut what is open after so long."""
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        self.over = True
        for connection in self._sockets:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # under TLS as well, which stays as it is


def _content(reply: urllib3.BaseHTTPResponse, most_bytes: int) -> Fetched | str:
    try:
        location = reply.get_redirect_location()
        if location:
            return str(location)
        if reply.status == 304:
            return Fetched(None)
        if reply.status != 200:
            raise FetchRefused("not_found")
        if reply.headers.get("Content-Encoding", "").strip().lower() not in ENCODINGS:
            raise FetchRefused("no_answer")
        content = io.BytesIO()
        for part in reply.stream(65_536, decode_content=True):
            content.write(part)
            if content.tell() > most_bytes:
                raise FetchRefused("too_large")
        etag, modified = (reply.headers.get(name, "")[:200] for name in ("ETag", "Last-Modified"))
        return Fetched(content.getvalue(), etag, modified)
    finally:
        reply.close()


def public_address(host: str, port: int, trusted: bool, resolve: Resolve) -> str:
    """The first address of a host, of which each must be public unless it is trusted. Raises `FetchRefused`."""
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError):
        raise FetchRefused("unknown_host") from None
    if not addresses:
        raise FetchRefused("unknown_host")
    if not trusted and not all(map(_is_public, addresses)):
        raise FetchRefused("not_public")
    return addresses[0]


def resolve_host(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _is_public(text: str) -> bool:
    """Whether an address belongs to the public Internet; addresses that carry another one are judged by it."""
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            address = inner
    return address.is_global and not address.is_multicast


_NAT64 = ipaddress.ip_network("64:ff9b::/96")
