"""The row of a programme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from broker.catalogue.offer_model import Channel, Model


@dataclass(frozen=True, slots=True)
class Programme:
    """An affiliate offer. `price_micros` is for one accepted mail (0 where clicks, leads or sales are paid),
    `rate_cents` for one of these, or `rate_bp` of a sale; `budget_cents` the most it may cost (net)."""

    id: int
    code: str
    advertiser_id: int
    advertiser_name: str
    title: str
    description: str
    sector: str
    model: Model
    price_micros: int
    commission_bp: int | None
    budget_cents: int
    creative_id: int
    creative_code: str
    starts_on: date
    ends_on: date
    state: Literal["draft", "open", "closed"]
    created_at: datetime
    channel: Channel
    rate_cents: int | None
    rate_bp: int | None
    most_names: int | None
    owner_cap_cents: int | None
    validation_days: int
    wishes: dict[str, Any]
    terms: str

    @property
    def cpm_cents(self) -> int:
        """The price of a thousand accepted mails."""
        return self.price_micros // 10
