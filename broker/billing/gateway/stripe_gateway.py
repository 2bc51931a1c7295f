"""Stripe, through its own SDK: payments. Accounts, transfers and the balance stand in `stripe_connect.py`."""

from __future__ import annotations

from datetime import date
from typing import Any

import stripe
from stripe.params import CustomerCreateParams, PaymentIntentCreateParams, RefundCreateParams
from stripe.params.checkout import SessionCreateParams

from broker.billing.gateway.gateway import intent_state
from broker.billing.gateway.gateway_events import secret_of, verified_event, webhook_secrets
from broker.billing.gateway.gateway_objects import Checkout, DisputeState, GatewayEvent, Intent, Means, Movement
from broker.billing.gateway.stripe_answers import asked, found_of_row, refusal
from broker.billing.gateway.stripe_connect import StripeConnect
from broker.billing.gateway.stripe_movements import disputes_of, movements_of

PAGE = 100  # objects of one page


class StripeGateway(StripeConnect):
    """One Stripe account; key in COURTIER_STRIPE_KEY, webhooks' in COURTIER_STRIPE_WEBHOOK_SECRET."""

    def __init__(self, client: stripe.StripeClient) -> None:
        super().__init__(client)

    @property
    def name(self) -> str:
        """What the payment's row says."""
        return "stripe"

    @classmethod
    def from_environment(cls) -> StripeGateway:
        """A client with two retries (the SDK repeats the idempotency key) and the key of the environment."""
        return cls(stripe.StripeClient(secret_of("COURTIER_STRIPE_KEY"), max_network_retries=2))

    def create_customer(self, params: CustomerCreateParams, key: str) -> str:
        """Create a Customer."""
        return asked(lambda: self._v1.customers.create(params, {"idempotency_key": key})).id

    def create_checkout(self, params: SessionCreateParams, key: str) -> Checkout:
        """Create a Checkout Session."""
        return _checkout(asked(lambda: self._v1.checkout.sessions.create(params, {"idempotency_key": key})))

    def read_checkout(self, reference: str) -> Checkout:
        """Retrieve a Checkout Session, with what was set up there."""
        expand = {"expand": ["setup_intent"]}
        return _checkout(asked(lambda: self._v1.checkout.sessions.retrieve(reference, expand)))  # type: ignore[arg-type]

    def expire_checkout(self, reference: str) -> Checkout:
        """Expire a Checkout Session; one that is over already is read again."""
        try:
            self._v1.checkout.sessions.expire(reference)
        except stripe.InvalidRequestError:
            pass  # only an open one can be expired
        except stripe.StripeError as error:
            raise refusal(error) from error
        return self.read_checkout(reference)

    def create_intent(self, params: PaymentIntentCreateParams, key: str) -> Intent:
        """Create and confirm a PaymentIntent; a declined card's intent comes with the error."""
        try:
            return _intent(self._v1.payment_intents.create(params, {"idempotency_key": key}))
        except stripe.CardError as error:
            made = getattr(error.error, "payment_intent", None)
            if made is None:
                raise refusal(error) from error
            found = self.read_intent(made["id"])
            return Intent(found.reference, found.state, 0, found.currency, "", found.failure or str(error.code or ""))
        except stripe.StripeError as error:
            raise refusal(error) from error

    def find_intent(self, customer: str, mark: str) -> str:
        """The PaymentIntent of a Customer that a row of ours asked for."""
        found = found_of_row(lambda: self._v1.payment_intents.list({"customer": customer, "limit": PAGE}), mark)
        return "" if found is None else str(found.id)

    def read_intent(self, reference: str) -> Intent:
        """Retrieve a PaymentIntent."""
        return _intent(asked(lambda: self._v1.payment_intents.retrieve(reference)))

    def cancel_intent(self, reference: str) -> Intent:
        """Cancel a PaymentIntent; one that is over already is read again."""
        try:
            self._v1.payment_intents.cancel(reference)
        except stripe.InvalidRequestError:
            pass
        except stripe.StripeError as error:
            raise refusal(error) from error
        return self.read_intent(reference)

    def read_means(self, reference: str) -> Means:
        """Retrieve the PaymentMethod of a SetupIntent (its reference), and the mandate it made."""
        setup = asked(lambda: self._v1.setup_intents.retrieve(reference, {"expand": ["payment_method", "mandate"]}))
        method: Any = setup.payment_method
        mandate: Any = setup.mandate
        if method.type == "sepa_debit":
            about = mandate.payment_method_details.sepa_debit if mandate is not None else None
            label = f"{method.sepa_debit.country or ''} …{method.sepa_debit.last4 or ''}".strip()
            told = ("", "") if about is None else (about.reference, about.url)
            return Means(method.id, "sepa_debit", label, None, *told)
        end = date(method.card.exp_year + method.card.exp_month // 12, method.card.exp_month % 12 + 1, 1)
        return Means(method.id, "card", f"{method.card.brand} …{method.card.last4}", end)

    def detach_means(self, reference: str) -> None:
        """Detach a PaymentMethod; one that is not attached stays so."""
        try:
            self._v1.payment_methods.detach(reference)
        except stripe.InvalidRequestError:
            pass
        except stripe.StripeError as error:
            raise refusal(error) from error

    def create_refund(self, params: RefundCreateParams, key: str) -> str:
        """Create a Refund."""
        return asked(lambda: self._v1.refunds.create(params, {"idempotency_key": key})).id

    def find_refund(self, intent: str, mark: str) -> str:
        """The Refund of a PaymentIntent that a row of ours asked for."""
        found = found_of_row(lambda: self._v1.refunds.list({"payment_intent": intent, "limit": PAGE}), mark)
        return "" if found is None else str(found.id)

    def read_movements(self, reference: str) -> list[Movement]:
        """The balance transactions of a PaymentIntent's charge, refunds and disputes."""
        return asked(lambda: movements_of(self._v1, reference))

    def read_disputes(self, reference: str) -> list[DisputeState]:
        """The Disputes of a PaymentIntent."""
        return asked(lambda: disputes_of(self._v1, reference))

    def read_event(self, payload: bytes, signature: str) -> GatewayEvent:
        """Check and read a webhook."""
        return verified_event(payload, signature, *webhook_secrets())


def _checkout(found: stripe.checkout.Session) -> Checkout:
    setup: Any = found.setup_intent
    done = setup is not None and not isinstance(setup, str) and setup.status == "succeeded"
    return Checkout(
        found.id,
        found.status if found.status in ("complete", "expired") else "open",  # type: ignore[arg-type]
        found.url or "",
        _id(found.payment_intent),
        setup.id if done else "",
    )


def _id(found: Any) -> str:
    return found if isinstance(found, str) else "" if found is None else str(found.id)


def _intent(found: stripe.PaymentIntent) -> Intent:
    failure = "" if found.last_payment_error is None else str(found.last_payment_error.code or "declined")
    return Intent(found.id, intent_state(str(found.status)), found.amount_received, found.currency.upper(), "", failure)
