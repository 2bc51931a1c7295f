"""A private offer of an owner to one advertiser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class PrivateOffer:
    """An owner's offer to one advertiser. `terms` holds what it asks: model, cpm_cents, rate_cents, rate_bp."""

    id: int
    code: str
    owner_id: int
    owner_name: str
    advertiser_id: int
    advertiser_name: str
    base_id: int
    base_code: str | None  # the owner's own
    title: str
    message: str
    sector: str
    terms: dict[str, Any]
    starts_on: date
    ends_on: date
    state: Literal["sent", "accepted", "refused", "withdrawn"]
    reason: str
    programme_code: str | None
    made_at: datetime
