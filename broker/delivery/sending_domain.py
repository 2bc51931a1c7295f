"""A subdomain that an owner delegates: which names may be, which records it must publish, what a look at them says.

The owner's main domain is never asked for: its mail, and its good name, are not ours to risk. DKIM is delegated by a
CNAME, so that keys are renewed here without anybody touching the DNS; SPF and the return path stand below the
subdomain, so that both align with the sender shown (RFC 7489, relaxed); its MX leads to the door for returned mail,
since people answer the sender that they see.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal

from broker.kernel.errors import InvalidInput
from broker.kernel.settings import MailSettings

SUFFIXES = Path(__file__).parent / "data" / "shared_suffixes.txt"
RETURN_LABEL = "bounce"
DomainState = Literal["waiting", "green", "broken"]
Finding = Literal["ok", "missing", "wrong", "unanswered"]
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?").fullmatch


@dataclass(frozen=True, slots=True)
class Record:
    """One record to publish. `purpose`: dkim, dkim_spare, spf, return_path, replies, dmarc."""

    purpose: str
    name: str
    kind: Literal["CNAME", "TXT", "MX"]
    value: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A record and what the DNS said of it; `found` is what stands there, cut short."""

    purpose: str
    name: str
    kind: str
    value: str
    state: Finding
    found: str


@dataclass(frozen=True, slots=True)
class SendingDomain:
    """A delegated domain. `owner` is the organisation's name."""

    id: int
    code: str
    domain: str
    return_domain: str
    state: DomainState
    owner: str
    findings: Sequence[Seen]
    checked_at: datetime | None
    asked_at: datetime
    created_at: datetime

    @property
    def waits_for_check(self) -> bool:
        """Whether a look was asked for and has not happened yet."""
        return self.checked_at is None or self.checked_at < self.asked_at


def subdomain(given: str, mail: MailSettings) -> str:
    """The name in plain form; refuses what is no name, a main domain, or one of the platform's own."""
    name = given.strip().lower().removesuffix(".").removeprefix("http://").removeprefix("https://").strip("/")
    labels = name.split(".")
    if len(name) > 200 or len(labels) < 2 or not all(map(_LABEL, labels)) or labels[-1].isdigit():
        raise InvalidInput(
            f"{given.strip()[:100]!r} is no domain name: write it as news.your-brand.fr.",
            code="bad_domain",
            field="domain",
        )
    if len(labels) < 3 or (".".join(labels[-2:]) in _shared_suffixes() and len(labels) < 4):
        raise InvalidInput(
            f"{name} is a main domain. Delegate a subdomain of it, for example news.{name}: your own mail is not"
            " touched then.",
            code="main_domain",
            field="domain",
        )
    for own in (mail.sending_domain, mail.bounce_domain):
        if name == own or name.endswith(f".{own}"):
            raise InvalidInput(f"{name} is the platform's own.", code="bad_domain", field="domain")
    return name


@cache
def _shared_suffixes() -> frozenset[str]:
    lines = SUFFIXES.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def selectors(mail: MailSettings) -> tuple[str, str]:
    """The two selectors whose keys sign by turns; both are delegated from the start, so that none is added later."""
    return mail.dkim_selector, f"{mail.dkim_selector[:61]}-b"


def records_of(domain: str, mail: MailSettings) -> list[Record]:
    """What an owner publishes for a subdomain."""
    back, host = f"{RETURN_LABEL}.{domain}", mail.bounce_domain
    first, second = (f"{selector}._domainkey" for selector in selectors(mail))
    return [
        Record("dkim", f"{first}.{domain}", "CNAME", f"{first}.{mail.sending_domain}"),
        Record("dkim_spare", f"{second}.{domain}", "CNAME", f"{second}.{mail.sending_domain}"),
        Record("return_path", back, "MX", f"10 {host}"),
        Record("spf", back, "TXT", f"v=spf1 include:{host} -all"),
        Record("replies", domain, "MX", f"10 {host}"),
        Record("dmarc", f"_dmarc.{domain}", "TXT", "v=DMARC1; p=quarantine; adkim=r; aspf=r"),
    ]


def state_after(before: DomainState, seen: Sequence[Seen]) -> DomainState:
    """Green when all are in place; a silent DNS changes nothing; what was green and is not is broken.

    The second selector is asked for at the start; later its absence breaks nothing but the next renewal of the key,
    which waits for it.
    """
    if before != "waiting":
        seen = [one for one in seen if one.purpose != "dkim_spare"]
    if any(one.state in ("missing", "wrong") for one in seen):
        return "waiting" if before == "waiting" else "broken"
    if any(one.state == "unanswered" for one in seen):
        return before
    return "green"
