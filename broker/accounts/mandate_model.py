"""An agency's mandate: an advertiser's word that the agency may order in its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

BillTo = Literal["advertiser", "agency"]


@dataclass(frozen=True, slots=True)
class Mandate:
    """Who may order for whom, from when until when, and who is invoiced. `ends_on` is the last day."""

    code: str
    agency_code: str
    agency_name: str
    advertiser_code: str
    advertiser_name: str
    bill_to: BillTo
    reference: str
    starts_on: date
    ends_on: date | None
    state: Literal["active", "ended"]
    given_at: datetime
    ended_at: datetime | None

    def stands(self, today: date) -> bool:
        """Whether the agency may act under it today."""
        return self.state == "active" and self.starts_on <= today <= (self.ends_on or date.max)
