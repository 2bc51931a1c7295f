"""The row of a programme."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from broker.catalogue.offer_model import Channel, Joining, Model


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
    terms_version: int
    joining: Joining
    join_rules: dict[str, Any]
    day_cap_cents: int | None
    attribution_days: int
    report_days: int
    click_cents: int | None
    lead_cents: int | None
    sale_cents: int | None
    sale_bp: int | None
    private: bool  # one owner's alone

    @property
    def cpm_cents(self) -> int:
        """The price of a thousand accepted mails."""
        return self.price_micros // 10

    @property
    def pays(self) -> dict[str, tuple[int | None, int | None]]:
        """What is paid: kind → (cents, share in ten thousand); a send's cents are those of a thousand."""
        main = {"cpc": "click", "cpl": "lead", "cpa": "sale"}.get(self.model)
        every = {
            "send": (self.cpm_cents or None, None),
            "click": (self.click_cents, None),
            "lead": (self.lead_cents, None),
            "sale": (self.sale_cents, self.sale_bp),
        }
        if main is not None:
            every[main] = (self.rate_cents, self.rate_bp)
        return {kind: rates for kind, rates in every.items() if rates != (None, None)}
