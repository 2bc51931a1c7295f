"""Rows of creatives and mailings, and the small rules about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from broker.kernel.clock import PARIS
from broker.mailings.variants import SubjectTest, Variant

# The life of a mailing, written once: state → states it may go to.
TRANSITIONS: Mapping[str, frozenset[str]] = {
    "planned": frozenset({"frozen", "failed", "cancelled"}),
    "frozen": frozenset({"sending", "paused", "cancelled"}),
    "sending": frozenset({"paused", "cancelled", "sent"}),
    "paused": frozenset({"frozen", "sending", "cancelled"}),
    "sent": frozenset(),
    "cancelled": frozenset(),
    "failed": frozenset(),
}

# A recipient is in exactly one of these; together they are the frozen number, always (docs/delivery.md).
SEND_STATES = (
    "pending", "claimed", "attempting", "deferred", "withheld", "cancelled", "accepted", "refused", "uncertain",
)  # fmt: skip
FIRST_HOUR = time(8)  # in Paris: mailings planned for a later day start then


@dataclass(frozen=True, slots=True)
class CreativeLink:
    """Where a numbered link leads, exactly as the author wrote it. Number 0 is the one only machines see."""

    number: int
    url: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Creative:
    """A message as stored: `html` and `plain` hold slots; `report` is what the check said.

    `own_plain` is the text part as its author wrote it (empty: made from the HTML), `utm` what each link gets added.
    `variants` are other subjects and preheaders that `test` says how to try.
    """

    id: int
    code: str
    org_id: int
    name: str
    subject: str
    from_name: str
    language: str
    preheader: str
    own_plain: str = field(repr=False)
    utm: dict[str, str]
    source_html: str = field(repr=False)
    html: str = field(repr=False)
    plain: str = field(repr=False)
    report: dict[str, object] = field(repr=False)
    content_hash: bytes
    state: str
    signed_at: datetime | None = None
    variants: tuple[Variant, ...] = ()
    test: SubjectTest | None = None

    @property
    def signed(self) -> bool:
        """Whether the proof is signed: then nothing of it changes any more."""
        return self.state == "signed"


@dataclass(frozen=True, slots=True)
class CreativeLine:
    """A message in a list: what it is called, and whether its proof is signed (`state`: draft or signed)."""

    code: str
    name: str
    subject: str
    language: str
    state: str


@dataclass(frozen=True, slots=True)
class CreativeImage:
    """A remote image of a creative: waiting, kept (`name` is what we serve it as) or refused (`why`: a code)."""

    number: int
    url: str
    state: str
    name: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class SeedAddress:
    """A control address as its organisation may see it: that it exists, and how a mailing's own one is made."""

    id: int
    created_at: datetime
    code: str = ""
    style: str = "plain"


@dataclass(frozen=True, slots=True)
class Mailing:
    """One frozen recipient list of one base, on its way."""

    id: int
    code: str
    kind: str
    dispatch_id: int
    owner_id: int
    advertiser_id: int
    base_id: int
    creative_id: int
    content_hash: bytes
    state: str
    price_micros: int
    draw_seed: int
    exclusions: dict[str, int]
    problem: str | None
    starts_at: datetime | None
    frozen_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


def content_hash(
    subject: str,
    from_name: str,
    language: str,
    html: str,
    plain: str,
    links: Sequence[CreativeLink],
    variants: Sequence[Variant] = (),
    test: SubjectTest | None = None,
) -> bytes:
    """SHA-256 over everything a reader gets, in all variants: what the BAT signs and what is proven before a send."""
    parts: list[object] = [
        subject, from_name, language, html, plain, [[link.number, link.url, link.hidden] for link in links]
    ]  # fmt: skip
    if variants:  # without any, the hash is that of a message alone
        tried = None if test is None else [test.share_percent, test.wait_minutes]
        parts += [[[one.subject, one.preheader, one.html] for one in variants], tried]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).digest()


def start_of(send_on: date | None, now: datetime) -> datetime:
    """When a mailing planned for a day starts: at eight in Paris on that day, or now when that day has come."""
    today = now.astimezone(PARIS).date()
    if send_on is None or send_on <= today:
        return now
    return datetime.combine(send_on, FIRST_HOUR, PARIS)


def freeze_moment(starts_at: datetime | None, freeze_hours: int) -> datetime | None:
    """From when on the recipients of a planned mailing are drawn; None: at once."""
    return None if starts_at is None else starts_at - timedelta(hours=freeze_hours)


def is_to_be_frozen(mailing: Mailing, now: datetime, freeze_hours: int) -> bool:
    """Whether a mailing is planned, and so near its start that its recipients are to be drawn."""
    moment = freeze_moment(mailing.starts_at, freeze_hours)
    return mailing.state == "planned" and (moment is None or moment <= now)


def day_of(mailing: Mailing, now: datetime) -> date:
    """The day on which a mailing leaves, of Paris; today for one that is due."""
    return max(mailing.starts_at or now, now).astimezone(PARIS).date()
