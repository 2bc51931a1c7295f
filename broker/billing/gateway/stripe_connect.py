"""Stripe Connect and the balance, through Stripe's own SDK."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import stripe
from stripe.params import (
    AccountCreateParams,
    AccountLinkCreateParams,
    PayoutCreateParams,
    TransferCreateParams,
    TransferReversalCreateParams,
)

from broker.billing.gateway.gateway_objects import BalanceLine, ConnectState, GatewayBalance, Moved
from broker.billing.gateway.stripe_answers import asked, day_of, found_of_row


class StripeConnect:
    """Owners' accounts, transfers to them, payouts to our bank, the balance's lines."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._v1 = client.v1

    def create_account(self, params: AccountCreateParams, key: str) -> str:
        """Create an Account."""
        return asked(lambda: self._v1.accounts.create(params, {"idempotency_key": key})).id

    def create_account_link(self, params: AccountLinkCreateParams, key: str) -> str:
        """Create an Account Link; its address is good once and for minutes."""
        return asked(lambda: self._v1.account_links.create(params, {"idempotency_key": key})).url

    def read_account(self, reference: str) -> ConnectState:
        """Retrieve an Account."""
        found = asked(lambda: self._v1.accounts.retrieve(reference))
        needs: Any = found.requirements
        due = () if needs is None else (*(needs.past_due or ()), *(needs.currently_due or ()))
        can: Any = found.capabilities
        return ConnectState(
            found.id,
            bool(found.details_submitted),
            getattr(can, "transfers", "") == "active",
            bool(found.payouts_enabled),
            tuple(dict.fromkeys(due)),
            "" if needs is None else str(needs.disabled_reason or ""),
        )

    def read_account_balance(self, reference: str) -> GatewayBalance:
        """Retrieve the Balance of a connected Account; its EUR."""
        return _balance(asked(lambda: self._v1.balance.retrieve(None, {"stripe_account": reference})))

    def create_transfer(self, params: TransferCreateParams, key: str) -> Moved:
        """Create a Transfer."""
        return _moved(asked(lambda: self._v1.transfers.create(params, {"idempotency_key": key})))

    def find_transfer(self, group: str) -> Moved | None:
        """The first Transfer of a group."""
        found = asked(lambda: self._v1.transfers.list({"transfer_group": group, "limit": 1}))
        return _moved(found.data[0]) if found.data else None

    def create_reversal(self, transfer: str, params: TransferReversalCreateParams, key: str) -> Moved:
        """Create a Transfer Reversal."""
        return _moved(asked(lambda: self._v1.transfers.reversals.create(transfer, params, {"idempotency_key": key})))

    def find_reversal(self, transfer: str, mark: str) -> Moved | None:
        """The Transfer Reversal that a row of ours asked for."""
        found = found_of_row(lambda: self._v1.transfers.reversals.list(transfer, {"limit": 100}), mark)
        return None if found is None else _moved(found)

    def create_payout(self, params: PayoutCreateParams, key: str) -> Moved:
        """Create a Payout to our own bank."""
        return _moved(asked(lambda: self._v1.payouts.create(params, {"idempotency_key": key})))

    def read_payout(self, reference: str) -> Moved:
        """Retrieve a Payout."""
        return _moved(asked(lambda: self._v1.payouts.retrieve(reference)))

    def find_payout(self, mark: str, since: date) -> Moved | None:
        """The Payout that a row of ours asked for, among those made since a day."""
        start = int(datetime(since.year, since.month, since.day, tzinfo=UTC).timestamp())
        found = found_of_row(lambda: self._v1.payouts.list({"created": {"gte": start}, "limit": 100}), mark)
        return None if found is None else _moved(found)

    def read_lines(self, since: date) -> list[BalanceLine]:
        """All Balance Transactions created since a day (UTC), page by page."""
        start = int(datetime(since.year, since.month, since.day, tzinfo=UTC).timestamp())

        def every() -> list[Any]:
            found = self._v1.balance_transactions.list(
                {"created": {"gte": start}, "limit": 100, "expand": ["data.source"]}
            )
            return list(found.auto_paging_iter())

        return [_line(one) for one in reversed(asked(every))]

    def read_balance(self) -> GatewayBalance:
        """Retrieve the Balance; its EUR."""
        return _balance(asked(lambda: self._v1.balance.retrieve()))


def _balance(found: stripe.Balance) -> GatewayBalance:
    return GatewayBalance(
        sum(one.amount for one in found.available if one.currency == "eur"),
        sum(one.amount for one in found.pending if one.currency == "eur"),
    )


def _moved(found: Any) -> Moved:
    line = found.balance_transaction
    reference = line if isinstance(line, str) else "" if line is None else str(line.id)
    failed = getattr(found, "status", "") in ("failed", "canceled")
    return Moved(found.id, found.amount, reference, day_of(found.created), failed)


def _line(found: stripe.BalanceTransaction) -> BalanceLine:
    about: Any = found.source
    return BalanceLine(
        found.id,
        str(found.type),
        found.amount,
        found.fee,
        found.currency.upper(),
        about if isinstance(about, str) else "" if about is None else str(about.id),
        day_of(found.created),
        day_of(found.available_on),
        found.status == "available",
        _payment(about),
    )


def _payment(about: Any) -> str:
    payment = getattr(about, "payment_intent", None) if about is not None and not isinstance(about, str) else None
    return payment if isinstance(payment, str) else "" if payment is None else str(payment.id)
