"""What payers, banks and the gateway's own staff do to a payment, played on the fake: refused on a real gateway."""

from __future__ import annotations

from typing import Literal, cast

from broker.billing.gateway import gateway_payout_store, payment_store
from broker.billing.gateway.choose_gateway import choose_gateway
from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.gateway.gateway_objects import MovementKind
from broker.billing.gateway.webhook import receive_webhook
from broker.billing.model import Payment
from broker.kernel.database import Database
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.settings import Settings

Part = Literal[
    "debit_done", "debit_failed", "returned", "dispute", "dispute_won", "dispute_lost", "refund", "refund_failed",
    "payout_failed",
]  # fmt: skip
_OPEN = ("needs_response", "under_review", "warning_needs_response")


def play_fake(
    database: Database, settings: Settings, part: Part, code: str, cents: int = 0, fee_cents: int = 0, reason: str = ""
) -> tuple[bytes, str]:
    """Have the fake do `part` to a payment of ours, named by its code or its order's (`payout_failed`: to a payout
    from its balance).

    `cents` 0 is all of it. Returns the webhook that follows, body and signature, which nobody was given yet. Raises
    `Conflict` (`not_the_fake`; `fake_not_now` where a real gateway could not do it at this moment).
    """
    gateway = _fake(database, settings)
    if part == "payout_failed":
        with database.begin() as unit:
            payout = gateway_payout_store.by_code(unit, code)
        if payout is None or not payout.reference:
            raise NotFound(f"No payout {code!r} has left the gateway's balance.", field="code")
        return gateway.fail_payout(payout.reference)
    payment = _payment(database, code)
    reference = payment.gateway_reference
    if part in ("debit_done", "debit_failed"):
        _require(payment.state == "processing", payment, "no direct debit is under way")
        return gateway.end_debit(
            reference, (reason or "insufficient_funds") if part == "debit_failed" else "", fee_cents
        )
    _require(payment.state == "captured", payment, "it is not captured")
    disputes = gateway.read_disputes(reference)
    disputed = sum(one.cents for one in disputes if one.status in _OPEN)
    cents = cents or payment.amount_cents
    if not 0 < cents <= payment.amount_cents:
        raise InvalidInput(f"The payment is of {payment.amount_cents} cents: give 1 to as many.", field="cents")
    if part in ("dispute_won", "dispute_lost"):
        _require(disputed > 0, payment, "nobody contests it")
        return gateway.move(reference, part, disputed if part == "dispute_won" else -disputed, fee_cents)
    if part in ("dispute", "returned"):
        _require(not disputes, payment, "it was contested already")
        _require((part == "returned") == _by_debit(gateway, reference), payment, f"its means knows no {part!r}")
    return gateway.move(reference, cast("MovementKind", part), cents if part == "refund_failed" else -cents, fee_cents)


def deliver(database: Database, settings: Settings, payload: bytes, signature: str) -> bool:
    """Take the fake's webhook as the endpoint does; False when it was here before."""
    with database.begin() as unit:
        return receive_webhook(unit, _fake(database, settings), payload, signature)


def _fake(database: Database, settings: Settings) -> FakeGateway:
    gateway = choose_gateway(settings, database) if settings.payment.gateway == "fake" else None
    if not isinstance(gateway, FakeGateway):
        raise Conflict(
            'Only the fake can be told what to do: this instance does not run payment.gateway = "fake".',
            code="not_the_fake", field="payment.gateway",
        )  # fmt: skip
    return gateway


def _payment(database: Database, code: str) -> Payment:
    with database.begin() as unit:
        payment = payment_store.payment_named(unit, code)
    if payment is None:
        raise NotFound(f"There is no payment {code!r}, nor an order of this code that was paid.", field="code")
    return payment


def _by_debit(gateway: FakeGateway, reference: str) -> bool:
    taken = gateway.shown(str(gateway.shown(reference)["latest_charge"]))
    return bool(taken["payment_method_details"]["type"] == "sepa_debit")


def _require(possible: bool, payment: Payment, why: str) -> None:
    if not possible:
        raise Conflict(f"The payment {payment.code} is {payment.state}: {why}.", code="fake_not_now")
