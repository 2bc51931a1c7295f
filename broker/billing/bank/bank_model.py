"""Rows of bank accounts and payouts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

PayoutState = Literal["proposed", "approved", "exported", "confirmed", "paid", "returned", "failed"]


@dataclass(frozen=True, slots=True)
class BankAccount:
    """Where a party is paid: only once approved, and when its waiting time from `proposed_at` on is over."""

    id: int
    code: str
    org_id: int
    holder: str
    iban: str
    bic: str | None
    state: Literal["proposed", "approved", "refused", "retired", "held"]
    proposed_by: int
    proposed_at: datetime

    @property
    def masked(self) -> str:
        """The IBAN as pages and logs show it: country, check digits, the last four."""
        return f"{self.iban[:4]} … {self.iban[-4:]}"


@dataclass(frozen=True, slots=True)
class Payout:
    """Money for an owner: the sum of its self-bills. `end_to_end_id` follows it through the banks.

    `via`: a SEPA transfer, or one to its account at the gateway; `problem` is why the gateway has not made that yet,
    `asked` that it is being asked.
    """

    id: int
    code: str
    owner_id: int
    owner: str
    amount_cents: int
    end_to_end_id: str
    state: PayoutState
    proposed_by: int
    approved_by: int | None
    paid_on: date | None
    invoices: tuple[str, ...]
    via: Literal["sepa", "connect"] = "sepa"
    problem: str = ""
    asked: bool = False
