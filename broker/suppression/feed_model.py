"""A subscribed suppression file: fetched every day, and again before a send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from broker.kernel.errors import InvalidInput

MOST_FEEDS = 10
MOST_FEED_MB = 128  # read in memory, never written in clear: two million SHA-256 hashes
FEED_HOURS = 24
FRESH_MINUTES = 60  # a reading younger than this is not renewed before a send
STALE_DAYS = 30  # from then on the advertiser is asked for a fresh file

_AS_WRITTEN = "%/:?#[]@!$&'()*+,;=~"  # of an address, besides letters and digits

FeedState = Literal["new", "read", "failed", "removed"]


@dataclass(frozen=True, slots=True)
class Feed:
    """`problem` is a code: why the last reading failed; the last good one counts on. `fresh_at`: when the host last
    gave this, or said that nothing has changed. The address may hold a secret: pages show its host."""

    id: int
    code: str
    name: str
    url: str
    state: FeedState
    problem: str | None
    failures: int
    entries: int | None
    unread: int | None
    few_match: bool | None
    checked_at: datetime | None
    fresh_at: datetime | None
    created_at: datetime

    @property
    def host(self) -> str:
        """Where the file is fetched from."""
        return urlsplit(self.url).hostname or ""


def clean_url(url: str) -> tuple[str, str]:
    """(address as it is fetched, its host): https, no user, no odd port; what is not ASCII is encoded (RFC 3987, 3.1).

    Raises `InvalidInput` (`bad_feed_url`).
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").removesuffix(".").encode("idna").decode("ascii").lower()
        fine = parts.scheme == "https" and host and not parts.username and parts.port in (None, 443)
    except ValueError:  # UnicodeError is one
        fine, host = False, ""
    if not fine or len(url) > 2_000 or any(char.isspace() for char in url):
        raise InvalidInput(
            "Write the whole address of the file, starting with https://, without user or port.",
            code="bad_feed_url",
            field="url",
        )
    path, query = (quote(part, safe=_AS_WRITTEN) for part in (parts.path, parts.query))
    return urlunsplit(("https", f"[{host}]" if ":" in host else host, path, query, "")), host


def clean_host(text: str) -> str:
    """A host name as it is compared; raises `InvalidInput` (`bad_host`)."""
    host = text.strip().lower().removeprefix("https://").partition("/")[0].strip(".")
    try:
        host = host.encode("idna").decode("ascii")
    except UnicodeError:
        host = ""
    if "." not in host or not all(part and part.replace("-", "").isalnum() for part in host.split(".")):
        raise InvalidInput(
            f"{text.strip()!r} is no host name; write it as files.example.com.", code="bad_host", field="host"
        )
    if host.rpartition(".")[2][
        :1
    ].isdigit():  # an address in digits, however it is written (0x7f.1): RFC 3696, section 2
        raise InvalidInput("Name the host by its name, not by a number.", code="bad_host", field="host")
    return host
