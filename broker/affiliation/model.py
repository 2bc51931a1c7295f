"""A participation and its sends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal


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
    state: Literal["joined", "withdrawn"]
    joined_at: datetime
    sends: int


@dataclass(frozen=True, slots=True)
class ParticipationSend:
    """One send that the owner said yes to. `mailing_code` is None until a worker has made its mailing."""

    id: int
    code: str
    participation_id: int
    participation_code: str
    segment_id: int
    segment_name: str | None  # the owner's own
    volume: int
    send_on: date
    state: Literal["picked", "scheduled", "sending", "sent", "withdrawn"]
    mailing_code: str | None
    created_at: datetime
