"""The local fake of the payment gateway: no money moves. Allowed by `payment.gateway = "fake"`, in demos only.

It is the Stripe gateway itself, over an HTTP client that answers from tables of its own (`fake_stripe`), so that what
is tried here is what runs in earnest; a test holds each of its objects to the SDK's types. What payers, banks and
owners do there is done by the methods below, each of which returns the webhook that Stripe would send: body and
signature.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import time
from typing import Any

import stripe

from broker.billing.gateway import fake_connect, fake_objects, fake_payments
from broker.billing.gateway import fake_store as store
from broker.billing.gateway.fake_store import Body
from broker.billing.gateway.fake_stripe import FakeStripe, missing
from broker.billing.gateway.gateway_events import verified_event
from broker.billing.gateway.gateway_objects import GatewayEvent, MovementKind
from broker.billing.gateway.stripe_gateway import StripeGateway
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import NotFound

WEBHOOK_SECRET = "whsec_local_fake"  # noqa: S105 - signs nothing but the fake's own events
_EVENTS: dict[str, tuple[str, str]] = {
    "capture": ("charge.updated", "charge"),
    "refund": ("charge.refunded", "charge"),
    "refund_failed": ("refund.failed", "refund"),
    "dispute": ("charge.dispute.created", "dispute"),
    "dispute_won": ("charge.dispute.funds_reinstated", "dispute"),
    "dispute_lost": ("charge.dispute.closed", "dispute"),
    "returned": ("charge.dispute.created", "dispute"),
}


class FakeGateway(StripeGateway):
    """A gateway that knows no payer. `pay_at_once`: a page is paid on as it is made, as with a card on file."""

    def __init__(self, database: Database, *, pay_at_once: bool = True) -> None:
        self._database = database
        routes = {**fake_payments.routes(pay_at_once), **fake_connect.routes()}
        client = FakeStripe(database, routes)
        super().__init__(stripe.StripeClient("sk_test_fake", http_client=client, max_network_retries=0))

    @property
    def name(self) -> str:
        """What the payment's row says."""
        return "fake"

    def read_event(self, payload: bytes, signature: str) -> GatewayEvent:
        """Check and read a webhook of the fake."""
        return verified_event(payload, signature, WEBHOOK_SECRET)

    def shown(self, reference: str) -> Body:
        """An object for the fake's own page."""
        with self._database.begin(PUBLIC) as unit:
            found = store.read(unit, reference)
        if found is None:
            raise NotFound("The payment fake knows no such page.")
        return found

    def pay(self, reference: str, kind: str = "", plays: str = "") -> tuple[bytes, str]:
        """Press the button of a page: pay, or save a means. `plays`: `declined` or `action` whenever it is used."""
        with self._database.begin(PUBLIC) as unit:
            session = fake_payments.complete(unit, reference, kind, plays)
        return signed_event(reference, "checkout.session.completed", "checkout.session", session.get("payment_intent"))

    def end_debit(self, intent: str, failure: str = "", fee: int = 0) -> tuple[bytes, str]:
        """Days later: a debit under way has succeeded, or failed with the gateway's code."""
        with self._database.begin(PUBLIC) as unit:
            paid = self._locked(unit, intent)
            if paid["status"] == "processing":
                if failure:
                    error = {"type": "card_error", "code": failure, "message": "The debit failed."}
                    store.update(unit, {**paid, "status": "requires_payment_method", "last_payment_error": error})
                else:
                    fake_payments.succeed(unit, paid, "sepa_debit", fee)
        return signed_event(intent, "payment_intent.payment_failed" if failure else "payment_intent.succeeded")

    def move(self, reference: str, kind: MovementKind, cents: int, fee_cents: int = 0) -> tuple[bytes, str]:
        """Move money of a payment (or of the page it was made on), as the gateway's dashboard or the payer's bank does;
        a `capture` gives its fee."""
        with self._database.begin(PUBLIC) as unit:
            intent = self._intent_of(unit, reference)
            paid = self._locked(unit, intent)
            about = self._move(unit, paid, kind, cents, fee_cents)
        return signed_event(about, *_EVENTS[kind], intent)

    def onboard(self, account: str, *due: str) -> tuple[bytes, str]:
        """What an owner's papers do to its account: with nothing `due` it can be paid."""
        with self._database.begin(PUBLIC) as unit:
            fake_connect.onboard(unit, account, list(due))
        return signed_event(account, "account.updated", "account", account=account)

    def adjust(self, kind: str, cents: int, fee_cents: int = 0) -> None:
        """A line of the balance that no request of ours made: a charge of Stripe's own, an adjustment."""
        with self._database.begin(PUBLIC) as unit:
            fake_objects.line(unit, kind, cents, "", fee_cents)

    def fail_payout(self, reference: str) -> tuple[bytes, str]:
        """A payout to our bank comes back."""
        with self._database.begin(PUBLIC) as unit:
            made = self._locked(unit, reference)
            back = fake_objects.line(unit, "payout_failure", made["amount"], reference)
            changed = {"status": "failed", "failure_balance_transaction": back["id"], "failure_code": "account_closed"}
            store.update(unit, {**made, **changed})
        return signed_event(reference, "payout.failed", "payout")

    def _locked(self, unit: UnitOfWork, reference: str) -> Body:
        found = store.read(unit, reference, lock=True)
        if found is None:
            raise missing(reference)
        return found

    def _intent_of(self, unit: UnitOfWork, reference: str) -> str:
        found = self._locked(unit, reference)
        if found["object"] != "checkout.session":
            return reference
        if found["payment_intent"] is None:  # the money is there before the page is: its event is late
            found = fake_payments.complete(unit, reference)
        return str(found["payment_intent"])

    def _move(self, unit: UnitOfWork, paid: Body, kind: MovementKind, cents: int, fee: int) -> str:
        taken = self._locked(unit, paid["latest_charge"])
        if kind == "capture":
            line = self._locked(unit, taken["balance_transaction"])
            store.update(unit, {**line, "fee": fee, "net": line["amount"] - fee})
            return str(taken["id"])
        if kind in ("refund", "refund_failed"):
            return self._refund(unit, paid, taken, kind, cents, fee)
        reference = fake_objects.mark("dp")
        standing = store.having(unit, "dispute", payment_intent=paid["id"])
        if kind in ("dispute", "returned"):
            moved = fake_objects.line(unit, "adjustment", cents, reference, fee)
            status = "lost" if kind == "returned" else "needs_response"
            made = {
                "id": reference, "object": "dispute", "amount": -cents, "currency": "eur", "charge": taken["id"],
                "payment_intent": paid["id"], "created": store.now(unit), "status": status, "livemode": False,
                "reason": "debit_not_authorized" if kind == "returned" else "fraudulent", "metadata": {},
                "evidence_details": {
                    "due_by": None if kind == "returned" else store.now(unit) + 7 * 86_400, "has_evidence": False,
                    "past_due": False, "submission_count": 0,
                },
                "is_charge_refundable": False, "balance_transactions": [moved["id"]],
            }  # fmt: skip
            store.update(unit, {**taken, "disputed": True})
            return str(store.insert(unit, made)["id"])
        dispute = standing[0]
        if kind == "dispute_won":
            moved = fake_objects.line(unit, "adjustment", cents, dispute["id"], fee)
            lines = [*dispute["balance_transactions"], moved["id"]]
            store.update(unit, {**dispute, "status": "won", "balance_transactions": lines})
        else:
            store.update(unit, {**dispute, "status": "lost"})
        return str(dispute["id"])

    def _refund(self, unit: UnitOfWork, paid: Body, taken: Body, kind: str, cents: int, fee: int) -> str:
        if kind == "refund_failed":
            made = store.having(unit, "refund", payment_intent=paid["id"])[0]
            back = fake_objects.line(unit, "refund_failure", cents, made["id"], fee)
            store.update(unit, {**made, "status": "failed", "failure_balance_transaction": back["id"]})
            return str(made["id"])
        reference = fake_objects.mark("re")
        moved = fake_objects.line(unit, "refund", cents, reference, fee)
        store.update(unit, {**taken, "amount_refunded": taken["amount_refunded"] - cents})
        more: dict[str, Any] = {"charge": taken["id"], "payment_intent": paid["id"], "status": "succeeded"}
        more |= {"reason": None, "metadata": {}, "failure_balance_transaction": None}
        return str(fake_objects.moved(unit, "refund", "re", -cents, moved, reference=reference, **more)["id"])


def signed_event(
    reference: str,
    kind: str = "payment_intent.succeeded",
    noun: str = "payment_intent",
    payment: str | None = None,
    account: str = "",
) -> tuple[bytes, str]:
    """A signed event about an object."""
    about: Body = {"id": reference, "object": noun}
    if payment is not None:
        about["payment_intent"] = payment
    event = {
        "id": "evt_fake_" + secrets.token_hex(8),
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "livemode": False,
        "data": {"object": about},
        **({"account": account} if account else {}),
    }
    payload = json.dumps(event).encode()
    at = int(time.time())
    mac = hmac.new(WEBHOOK_SECRET.encode(), f"{at}.".encode() + payload, hashlib.sha256).hexdigest()
    return payload, f"t={at},v1={mac}"
