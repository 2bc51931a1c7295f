"""The row of a programme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Programme:
    """An affiliate offer. `price_micros` is for one accepted mail, `budget_cents` the most it may cost (net)."""

    id: int
    code: str
    advertiser_id: int
    advertiser_name: str
    title: str
    description: str
    sector: str
    model: Literal["cpm"]
    price_micros: int
    commission_bp: int | None
    budget_cents: int
    creative_id: int
    creative_code: str
    starts_on: date
    ends_on: date
    state: Literal["draft", "open", "closed"]
    created_at: datetime

    @property
    def cpm_cents(self) -> int:
        """The price of a thousand accepted mails."""
        return self.price_micros // 10
