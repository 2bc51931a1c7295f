"""Fetch a file from an address that somebody gave: an image, a calendar, a list.

The request is held to public hosts: every address that a host name resolves to must be public, the connection goes to
the very address that was looked at (no second resolution to be answered differently), and each redirect is looked at
again.
"""

from __future__ import annotations

import io
import ipaddress
import socket
from collections.abc import Callable, Sequence
from urllib.parse import urljoin, urlsplit

import urllib3

MOST_REDIRECTS = 4
CONNECT_SECONDS, READ_SECONDS = 5.0, 15.0
PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Sequence[str]]


class FetchRefused(Exception):
    """Nothing was fetched; `why` is a code: bad_url, not_public, unknown_host, no_answer, not_found,
    too_many_redirects, too_large."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


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
        reply = _ask(absolute, accept, most_bytes, private_hosts, resolve or resolve_host)
        if isinstance(reply, bytes):
            return reply
        url = urljoin(absolute, reply)
    raise FetchRefused("too_many_redirects")


def _ask(url: str, accept: str, most_bytes: int, private_hosts: Sequence[str], resolve: Resolve) -> bytes | str:
    """One request: the content, or the address it redirects to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise FetchRefused("bad_url") from None
    if parts.scheme not in PORTS or not host or parts.username:
        raise FetchRefused("bad_url")
    trusted = host in private_hosts
    if port != PORTS[parts.scheme] and not trusted:
        raise FetchRefused("not_public")
    address = public_address(host, port, trusted, resolve)
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
    pool: urllib3.HTTPConnectionPool
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
    }
    with pool:
        try:
            reply = pool.urlopen("GET", path, headers=headers, redirect=False, retries=1, preload_content=False)
            return _content(reply, most_bytes)
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError):
            raise FetchRefused("no_answer") from None


def _content(reply: urllib3.BaseHTTPResponse, most_bytes: int) -> bytes | str:
    try:
        location = reply.get_redirect_location()
        if location:
            return str(location)
        if reply.status != 200:
            raise FetchRefused("not_found")
        content = io.BytesIO()
        for part in reply.stream(65_536, decode_content=True):
            content.write(part)
            if content.tell() > most_bytes:
                raise FetchRefused("too_large")
        return content.getvalue()
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
