"""Rows of billing and the arithmetic from micros to cents (docs/money.md has worked tables)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from broker.kernel.money import BASIS_POINTS, micros_to_cents, split_by_largest_remainder
from broker.rentals.sale_terms import Role

# owner_invoice: an owner's own, issued by us as agent; fee: our commission alone, as agent; owner_credit: what corrects
# a self-bill (381 issued by the owner, 261 by us); claim: late interest and compensation, outside VAT.
InvoiceKind = Literal["invoice", "deposit", "self_bill", "credit_note", "owner_invoice", "fee", "owner_credit", "claim"]
TYPE_CODES: dict[InvoiceKind, int] = {
    "invoice": 380,
    "credit_note": 381,
    "deposit": 386,
    "self_bill": 389,
    "owner_invoice": 380,
    "fee": 380,
    "owner_credit": 381,
    "claim": 383,
}
SELF_BILLED_CREDIT = 261
PAYABLE: frozenset[InvoiceKind] = frozenset(
    {"invoice", "owner_invoice", "fee", "claim"}
)  # paid by a transfer to our account


@dataclass(frozen=True, slots=True)
class Share:
    """One amount divided between owner and broker; in micros or in cents."""

    gross: int
    owner: int
    commission: int


def share_of_send(price_micros: int, commission_bp: int, position: int) -> Share:
    """Owner's part and commission of the send at `position` (from 0), in micros; they sum to the price.

    The commission of a send is the difference of two cumulative floors, so that the remainders of one send are made
    good by the next: any run of positions from 0 carries the exact commission but for less than one micro, where
    rounding each send alone would drift by up to half a micro a send. `accrual_store` says the same in SQL.
    """
    rate = price_micros * commission_bp
    commission = rate * (position + 1) // BASIS_POINTS - rate * position // BASIS_POINTS
    return Share(price_micros, price_micros - commission, commission)


def shares_in_cents(owner_micros: int, commission_micros: int) -> Share:
    """Cumulative micros as cents: the gross is rounded once, its parts by largest remainder, so they sum to it."""
    gross = micros_to_cents(owner_micros + commission_micros)
    if gross == 0:
        return Share(0, 0, 0)
    owner, commission = split_by_largest_remainder(gross, [owner_micros, commission_micros])
    return Share(gross, owner, commission)


def still_to_post(cumulative: Share, posted: Share) -> Share:
    """What brings the books from what is posted to the cumulative total, all in cents.

    However a total is cut into batches, the parts posted by this rule sum to the total rounded once.
    """
    return Share(
        cumulative.gross - posted.gross,
        cumulative.owner - posted.owner,
        cumulative.commission - posted.commission,
    )


# processing: a direct debit that takes days; returned: one that was taken back after it had succeeded.
PaymentState = Literal["pending", "processing", "captured", "failed", "refunded", "returned"]
PaymentMethod = Literal["checkout", "card", "sepa_debit"]


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment at the gateway. `checkout` is the address of the payer's page, empty where nothing is left to do.

    `method` is `checkout` (the gateway's page) or the kind of the saved means; `failure` the gateway's code of what
    went wrong; a debit is asked for on `debit_on`, as the payer was told.
    """

    id: int
    code: str
    order_id: int
    order_code: str
    advertiser_id: int
    gateway: str
    gateway_reference: str
    amount_cents: int
    state: PaymentState
    created_at: datetime
    captured_at: datetime | None
    method: PaymentMethod = "checkout"
    means_id: int | None = None
    checkout_reference: str = ""
    page: int = 0
    failure: str = ""
    debit_on: date | None = None
    asked_at: datetime | None = None
    checkout: str = ""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """A line; `mailing_code` is set where the line stands for sends (see drill.py)."""

    line: int
    label: str
    quantity: int
    amount_micros: int
    net_cents: int
    mailing_id: int | None = None
    mailing_code: str | None = None


@dataclass(frozen=True, slots=True)
class Invoice:
    """An issued document. Amounts are positive cents, of a credit note too; `deposit_cents` reduces what is due."""

    id: int
    number: str
    kind: InvoiceKind
    type_code: int
    seller_id: int
    seller_name: str
    buyer_id: int
    buyer_name: str
    order_id: int | None
    mailing_id: int | None
    corrects_id: int | None
    corrects_number: str | None
    vat_bp: int
    language: str
    issued_on: date
    due_on: date
    net_cents: int
    vat_cents: int
    total_cents: int
    deposit_cents: int
    currency: str
    role: Role = "principal"
    lines: tuple[InvoiceLine, ...] = field(default=())

    @property
    def due_cents(self) -> int:
        """What is left to pay."""
        return self.total_cents - self.deposit_cents
