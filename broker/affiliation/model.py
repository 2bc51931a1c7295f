"""A participation and its sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class PickRule:
    """The owner's own rule: a send to `volume` people of a segment every so many days, until a day."""

    segment_name: str | None  # the owner's own
    segment_code: str | None
    volume: int
    days: int
    until: date


@dataclass(frozen=True, slots=True)
class Participation:
    """One base that joined one programme."""

    id: int
    code: str
    programme_id: int
    programme_code: str
    programme_title: str
    price_micros: int
    commission_bp: int | None
    starts_on: date
    ends_on: date
    programme_state: Literal["draft", "open", "closed"]
    advertiser_id: int
    advertiser_name: str
    owner_id: int
    owner_name: str
    base_id: int
    base_code: str | None  # the owner's own; an advertiser reads no bases
    state: Literal["requested", "joined", "refused", "withdrawn"]
    joined_at: datetime
    sends: int
    terms: str
    programme_terms_version: int
    terms_version: int  # the one that the owner accepted
    answer: str  # the advertiser's words with a refusal
    pays: dict[str, list[int | None]]  # kind → cents (a thousand sends, one click, lead or sale), share in ten thousand
    creative_code: str
    rule: PickRule | None
    rule_problem: str | None  # why the rule picked nothing the last time

    @property
    def terms_accepted(self) -> bool:
        """Whether the programme's terms are those that the owner said yes to."""
        return self.terms_version == self.programme_terms_version


@dataclass(frozen=True, slots=True)
class ParticipationSend:
    """One send that the owner said yes to. `mailing_code` is None until a worker has made its mailing."""

    id: int
    code: str
    participation_id: int
    participation_code: str
    segment_id: int | None  # None: in a newsletter of the owner's
    segment_name: str | None  # the owner's own
    volume: int
    send_on: date
    state: Literal["picked", "scheduled", "sending", "sent", "withdrawn"]
    mailing_code: str | None
    created_at: datetime
    newsletter: bool
