"""Rows of refunds and of contested payments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

RefundState = Literal["asked", "approved", "sending", "sent", "confirmed", "paid", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, in cents: of a card payment through the gateway, of a transfer by one of ours.

    `credit_cents` of it need a credit note on `invoice`; `credit` is its number once it is issued. `second`: another
    person than asked must approve it. `iban` is shown in part.
    """

    id: int
    code: str
    org_id: int
    customer: str
    source: str
    by_card: bool
    amount_cents: int
    invoice: str
    credit_cents: int
    credit: str
    reason: str
    state: RefundState
    second: bool
    asked_by: int
    asked_by_name: str
    approved_by_name: str
    asked_at: datetime
    paid_on: date | None
    problem: str
    masked: str


@dataclass(frozen=True, slots=True)
class Dispute:
    """A card payment contested by the payer's bank. `fee_cents` is what the gateway kept for it."""

    reference: str
    payment: str
    order: str
    customer: str
    reason: str
    status: str
    amount_cents: int
    fee_cents: int
    booked: tuple[str, ...]
    opened_on: date
    evidence_due_at: datetime | None
    evidence_given: bool

    @property
    def is_open(self) -> bool:
        """Whether evidence can still be given."""
        return self.status in ("warning_needs_response", "needs_response")
