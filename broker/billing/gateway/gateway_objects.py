"""What a payment gateway tells us, in our words; amounts are cents."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

IntentState = Literal["waiting", "action", "processing", "captured", "failed"]
MeansKind = Literal["card", "sepa_debit"]
MovementKind = Literal["capture", "refund", "refund_failed", "dispute", "dispute_won", "dispute_lost", "returned"]


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment as the gateway knows it. `checkout` is the address of the payer's page, empty when nothing is to do.

    `action`: the payer's bank asks for the payer; `processing`: a debit that takes days; `failure` is the gateway's
    code of what went wrong last.
    """

    reference: str
    state: IntentState
    received_cents: int
    currency: str
    checkout: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A page of the gateway. `intent` is the payment made there, `means` the reference of what was saved there."""

    reference: str
    state: Literal["open", "complete", "expired"]
    url: str = ""
    intent: str = ""
    means: str = ""


@dataclass(frozen=True, slots=True)
class Means:
    """A saved card (`label` "visa 4242") or account for debits ("FR ….3000"); no number is ever read.

    `mandate` is the SEPA mandate's reference, `mandate_url` where its text can be read; both empty for a card.
    """

    reference: str
    kind: MeansKind
    label: str
    expires_on: date | None
    mandate: str = ""
    mandate_url: str = ""


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A verified webhook: a mere nudge to read `object_reference` again. `account`: the connected account it is of."""

    id: str
    kind: str
    object_reference: str
    account: str = ""


@dataclass(frozen=True, slots=True)
class Movement:
    """What a gateway moved on its balance for a payment, by its own id, in cents: positive what came in.

    `fee_cents` is what it kept (negative: gave back). A lost dispute moves no money: its amount is what is lost.
    `returned` is a direct debit that the payer's bank took back.
    """

    reference: str
    kind: MovementKind
    object_reference: str
    cents: int
    fee_cents: int
    day: date


@dataclass(frozen=True, slots=True)
class DisputeState:
    """A contested payment: Stripe's own words of reason and status; evidence is due until `evidence_due_at`."""

    reference: str
    reason: str
    status: str
    cents: int
    evidence_due_at: datetime | None
    evidence_given: bool
    opened_on: date


@dataclass(frozen=True, slots=True)
class ConnectState:
    """A connected account: what it still owes the gateway in papers (`due`), and whether it can be paid."""

    reference: str
    details_submitted: bool
    transfers_active: bool
    payouts_enabled: bool
    due: tuple[str, ...]
    disabled_reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A transfer, a reversal or a payout that was made. `line` is its line on the balance, empty until there is one."""

    reference: str
    cents: int
    line: str
    day: date
    failed: bool = False


@dataclass(frozen=True, slots=True)
class BalanceLine:
    """A line of the gateway's balance: `cents` came in (negative: went out), `fee_cents` was kept of it.

    `kind` is the gateway's own word (charge, refund, transfer, payout, …), `about` the object it is of and `payment`
    the payment that this belongs to, if any.
    """

    reference: str
    kind: str
    cents: int
    fee_cents: int
    currency: str
    about: str
    day: date
    available_on: date
    available: bool
    payment: str = ""

    @property
    def net_cents(self) -> int:
        """What the balance changed by."""
        return self.cents - self.fee_cents


@dataclass(frozen=True, slots=True)
class GatewayBalance:
    """What stands on the balance in EUR: to be used now, and later."""

    available_cents: int
    pending_cents: int

    @property
    def cents(self) -> int:
        """Both."""
        return self.available_cents + self.pending_cents
