"""Rows and small rules of what comes back from a mail: clicks, wishes to leave, returned messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["bounce", "complaint", "autoreply", "unsubscribe", "other"]
Verdict = Literal["hard", "soft", "none"]
Scope = Literal["base", "advertiser", "everywhere"]
Manner = Literal["get", "head", "prefetch"]

SCOPES: tuple[Scope, ...] = ("base", "advertiser", "everywhere")

# What one click on "unsubscribe" in a mail programme leaves. List-Unsubscribe speaks of the list that the mail came
# by (RFC 2369 section 3.2), and the list a person gave the address to is the base. The page then offers the rest.
ONE_CLICK_SCOPE: Scope = "base"


@dataclass(frozen=True, slots=True)
class ReturnedMail:
    """What one returned message says about one recipient.

    `status` is an enhanced code of RFC 3463 (`5.1.1`) or empty; `reply_code` the three digits of an SMTP reply or
    empty; `reason` a stable lower_snake word (for complaints the feedback type of RFC 5965). `final` tells that
    delivery has been given up: a notice of delay is a bounce with the verdict soft that is not final.
    """

    kind: Kind
    recipient: str = ""
    status: str = ""
    reply_code: str = ""
    verdict: Verdict = "none"
    reason: str = ""
    final: bool = False

    def as_dict(self) -> dict[str, str]:
        """The keys that `courtier feedback parse` prints, without the file."""
        return {
            "kind": self.kind,
            "recipient": self.recipient,
            "status": self.status,
            "reply_code": self.reply_code,
            "verdict": self.verdict,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class LeavingPage:
    """What the unsubscribe page may show: names of organisations, never of the person."""

    owner_name: str
    base_name: str
    base_code: str
    advertiser_name: str
    language: str


@dataclass(frozen=True, slots=True)
class Partner:
    """A name on a partner list."""

    name: str
    sector: str | None


@dataclass(frozen=True, slots=True)
class PartnerListVersion:
    """One published version of a base's partner list."""

    version: int
    published_at: datetime
    partners: tuple[Partner, ...]
    added: tuple[str, ...] = ()  # to the version before
    removed: tuple[str, ...] = ()
    announced: bool = False  # by a notice mailing


@dataclass(frozen=True, slots=True)
class PublicPartnerLists:
    """All versions of a base's partner list, newest first, with the owner's name."""

    owner_name: str
    versions: tuple[PartnerListVersion, ...]
    policy: str = "named_at_consent"


@dataclass(frozen=True, slots=True)
class Hit:
    """A click as it was recorded. `at` is the shared time; `delivered_at` when the relay took the mail."""

    id: int
    position: int
    link: int
    at: datetime
    delivered_at: datetime | None
    agent: str
    manner: Manner
    ip: str = ""


@dataclass(frozen=True, slots=True)
class SendKey:
    """The primary key of a send."""

    dispatch_id: int
    mailing_id: int
    position: int


@dataclass(frozen=True, slots=True)
class SealedContact:
    """A contact's sealed row, with what opening it needs."""

    contact_id: int
    base_id: int
    key_version: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Writer:
    """A person who wrote about a mail, and the names that an answer gives."""

    contact: SealedContact
    contact_key: bytes
    owner_name: str
    base_code: str
    advertiser_name: str
    advertiser_place: str
    language: str
