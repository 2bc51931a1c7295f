"""Fetch one image of a creative, once, for us to serve: a mail that loads it from elsewhere tells who opened it.

The address comes from an advertiser, so the request is held to public hosts: every address that a host name resolves
to must be public, the connection goes to the very address that was looked at (no second resolution to be answered
differently), and each redirect is looked at again.
"""

from __future__ import annotations

import hashlib
import io
import ipaddress
import socket
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import urllib3
from PIL import Image

MOST_BYTES = 5_000_000
MOST_PIXELS = 40_000_000
MOST_REDIRECTS = 4
TINY = 3  # pixels: what is not larger is there to be counted, not to be seen
CONNECT_SECONDS, READ_SECONDS = 5.0, 15.0
EXTENSIONS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}
PORTS = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Sequence[str]]


class Refused(Exception):
    """The image was not fetched; `why` is a code of `WHY`."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


WHY = {
    "bad_url": "the address is malformed or not http(s)",
    "not_public": "its host is not a public one",
    "unknown_host": "its host does not exist",
    "no_answer": "its host did not answer",
    "not_found": "its host has no such file",
    "too_many_redirects": "it redirects too often",
    "too_large": f"it is larger than {MOST_BYTES // 1_000_000} MB or {MOST_PIXELS // 1_000_000} megapixels",
    "no_picture": "it is no PNG, JPEG, GIF or WebP picture",
    "tracking_pixel": "it is too small to be seen: a counter of opens",
}


@dataclass(frozen=True, slots=True)
class FetchedImage:
    """An image as it will be served: `name` is the first 128 bits of the content's SHA-256 and its type."""

    name: str
    content: bytes
    width: int
    height: int


def fetch_image(url: str, private_hosts: Sequence[str] = (), resolve: Resolve | None = None) -> FetchedImage:
    """Fetch and look at one image. `private_hosts` may have addresses that are not public. Raises `Refused`."""
    for _ in range(MOST_REDIRECTS + 1):
        reply = _ask(f"https:{url}" if url.startswith("//") else url, private_hosts, resolve or _resolve)
        if isinstance(reply, bytes):
            return look_at(reply)
        url = urljoin(url, reply)
    raise Refused("too_many_redirects")


def _ask(url: str, private_hosts: Sequence[str], resolve: Resolve) -> bytes | str:
    """One request: the content, or the address it redirects to."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        raise Refused("bad_url") from None
    if parts.scheme not in PORTS or not host or parts.username:
        raise Refused("bad_url")
    trusted = host in private_hosts
    if port != PORTS[parts.scheme] and not trusted:
        raise Refused("not_public")
    address = _address(host, port, trusted, resolve)
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
        "User-Agent": "Courtier (fetches the pictures of a message once)",
        "Accept": "image/png, image/jpeg, image/gif, image/webp",
    }
    with pool:
        try:
            reply = pool.urlopen("GET", path, headers=headers, redirect=False, retries=1, preload_content=False)
            return _content(reply)
        except (urllib3.exceptions.HTTPError, OSError, UnicodeError):
            raise Refused("no_answer") from None


def _content(reply: urllib3.BaseHTTPResponse) -> bytes | str:
    try:
        location = reply.get_redirect_location()
        if location:
            return str(location)
        if reply.status != 200:
            raise Refused("not_found")
        content = io.BytesIO()
        for part in reply.stream(65_536, decode_content=True):
            content.write(part)
            if content.tell() > MOST_BYTES:
                raise Refused("too_large")
        return content.getvalue()
    finally:
        reply.close()


def _address(host: str, port: int, trusted: bool, resolve: Resolve) -> str:
    try:
        addresses = resolve(host, port)
    except (OSError, UnicodeError):
        raise Refused("unknown_host") from None
    if not addresses:
        raise Refused("unknown_host")
    if not trusted and not all(map(_is_public, addresses)):
        raise Refused("not_public")
    return addresses[0]


def _resolve(host: str, port: int) -> list[str]:
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


def look_at(content: bytes) -> FetchedImage:
    """Name and measure an image by its content, whatever its server called it. Raises `Refused`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=tuple(EXTENSIONS)) as picture:
                width, height = picture.size
                kind = str(picture.format)
                if width * height > MOST_PIXELS:
                    raise Refused("too_large")
                picture.verify()
    except Image.DecompressionBombError:
        raise Refused("too_large") from None
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError):
        raise Refused("no_picture") from None
    if width <= TINY and height <= TINY:
        raise Refused("tracking_pixel")
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.{EXTENSIONS[kind]}"
    return FetchedImage(name, content, width, height)
