"""What mailings did to an owner's contacts, by the owner's own reference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ResultKind = Literal["sent", "bounced", "clicked", "left", "complained"]
KINDS: tuple[ResultKind, ...] = ("sent", "bounced", "clicked", "left", "complained")
MOST_AT_ONCE = 5_000  # results of one page of the feed


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that happened to one contact. `id` grows: what comes later has a higher one.

    `reference` is the owner's (empty where its files gave none), `detail` the verdict and reason of a bounce or the
    scope of leaving, `mailing` empty for whoever left by no mailing of this base.
    """

    id: int
    base: str
    mailing: str
    kind: ResultKind
    reference: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ResultSum:
    """How many results of each kind are held for one mailing (or, without one, a base)."""

    base: str
    base_name: str
    mailing: str
    sent: int
    bounced: int
    clicked: int
    left: int
    complained: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectionHash:
    """Somebody who wants nothing more of this advertiser: hashes of the address (trimmed, lower case, UTF-8)."""

    id: int
    sha256: str
    md5: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A contact to whom something happened, sealed, and what."""

    contact_id: int
    mailing_id: int | None
    kind: ResultKind
    detail: str
    at: datetime
    key_version: int
    sealed: bytes
