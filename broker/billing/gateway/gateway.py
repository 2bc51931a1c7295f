"""What billing asks of a payment gateway. One gateway stands for all: Stripe, or our fake of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Protocol

from stripe.params import (
    AccountCreateParams,
    AccountLinkCreateParams,
    CustomerCreateParams,
    PaymentIntentCreateParams,
    PayoutCreateParams,
    RefundCreateParams,
    TransferCreateParams,
    TransferReversalCreateParams,
)
from stripe.params.checkout import SessionCreateParams

from broker.billing.gateway.gateway_objects import (
    BalanceLine,
    Checkout,
    ConnectState,
    DisputeState,
    GatewayBalance,
    GatewayEvent,
    Intent,
    IntentState,
    Means,
    Moved,
    Movement,
)

# `requires_capture` never comes: we capture at once (an authorisation of 7 days does not last from J-12). A failed
# attempt may be tried again (`requires_payment_method`), so it waits.
_STATES: Mapping[str, IntentState] = {
    "succeeded": "captured",
    "canceled": "failed",
    "processing": "processing",
    "requires_action": "action",
}


class Gateway(Protocol):
    """A payment gateway. Amounts are cents. What makes something carries a key derived from our row: the same key
    again returns what was made first. Raises `Unavailable` (`gateway_unavailable`), `Conflict` (`gateway_refused`)."""

    @property
    def name(self) -> str:
        """What the payment's row says."""

    # Money in.
    def create_customer(self, params: CustomerCreateParams, key: str) -> str:
        """A payer whose means are kept; its reference."""

    def create_checkout(self, params: SessionCreateParams, key: str) -> Checkout:
        """A page where a payer pays or saves a means of payment."""

    def read_checkout(self, reference: str) -> Checkout:
        """The page as it stands now."""

    def expire_checkout(self, reference: str) -> Checkout:
        """Close a page that nobody paid on; one that is complete stays as it is."""

    def create_intent(self, params: PaymentIntentCreateParams, key: str) -> Intent:
        """Take money from a saved means; a refusal of the payer's bank is a state, not an error."""

    def find_intent(self, customer: str, mark: str) -> str:
        """The payment of a payer with `metadata.row = mark`, or nothing."""

    def read_intent(self, reference: str) -> Intent:
        """The payment as it stands now."""

    def cancel_intent(self, reference: str) -> Intent:
        """Give a payment up that was not made."""

    def read_means(self, reference: str) -> Means:
        """A saved means of payment."""

    def detach_means(self, reference: str) -> None:
        """Forget a saved means of payment; done twice it is done."""

    def create_refund(self, params: RefundCreateParams, key: str) -> str:
        """Give money of a payment back; its reference. `read_movements` says when it has moved."""

    def find_refund(self, intent: str, mark: str) -> str:
        """The refund of a payment with `metadata.row = mark`, or nothing."""

    def read_movements(self, reference: str) -> list[Movement]:
        """All that was moved for a payment: its capture, refunds, disputes and returns, as they stand now."""

    def read_disputes(self, reference: str) -> list[DisputeState]:
        """The disputes of a payment as they stand now."""

    # Money out.
    def create_account(self, params: AccountCreateParams, key: str) -> str:
        """An owner's account at the gateway; its reference."""

    def create_account_link(self, params: AccountLinkCreateParams, key: str) -> str:
        """The address where the owner gives its papers; good once."""

    def read_account(self, reference: str) -> ConnectState:
        """An owner's account as it stands now."""

    def read_account_balance(self, reference: str) -> GatewayBalance:
        """What stands on an owner's account: below zero when money was taken back that it has paid on already."""

    def create_transfer(self, params: TransferCreateParams, key: str) -> Moved:
        """Move money to an owner's account."""

    def find_transfer(self, group: str) -> Moved | None:
        """The transfer of a group: each of our payouts is one."""

    def create_reversal(self, transfer: str, params: TransferReversalCreateParams, key: str) -> Moved:
        """Take money of a transfer back."""

    def find_reversal(self, transfer: str, mark: str) -> Moved | None:
        """The reversal of a transfer with `metadata.row = mark`."""

    def create_payout(self, params: PayoutCreateParams, key: str) -> Moved:
        """Send money of the balance to our bank."""

    def read_payout(self, reference: str) -> Moved:
        """Money sent to our bank as it stands now."""

    def find_payout(self, mark: str, since: date) -> Moved | None:
        """The payout made since a day with `metadata.row = mark`."""

    # What stands.
    def read_lines(self, since: date) -> list[BalanceLine]:
        """The lines of the balance from a day on, the oldest first."""

    def read_balance(self) -> GatewayBalance:
        """What stands on the balance."""

    def read_event(self, payload: bytes, signature: str) -> GatewayEvent:
        """Check a webhook's signature and read it; raises `InvalidInput` (`bad_signature`)."""


def intent_state(status: str) -> IntentState:
    """Stripe's status of a PaymentIntent in our words."""
    return _STATES.get(status, "waiting")
