"""Rows of money received."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Receipt:
    """A transfer at the bank, in cents; `left_cents` is what no invoice takes yet."""

    id: int
    code: str
    received_on: date
    amount_cents: int
    left_cents: int
    reference: str
    payer: str
    booked: bool


@dataclass(frozen=True, slots=True)
class ReceiptShare:
    """What of a receipt pays an invoice; `due_cents` is the whole that was to be paid of it.

    `account` is the customer's: 411, or 467 where another's invoice passes through us. `vat_key` names the entry in
    which VAT waits for this money: the invoice's own, or that of our fee on it.
    """

    invoice_id: int
    number: str
    buyer_id: int
    due_cents: int
    amount_cents: int
    account: str
    vat_key: str
