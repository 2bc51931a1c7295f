"""The gateway that the settings name."""

from __future__ import annotations

from broker.billing.gateway.fake_gateway import FakeGateway
from broker.billing.gateway.gateway import Gateway
from broker.billing.gateway.stripe_gateway import StripeGateway
from broker.kernel.database import Database
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings


def choose_gateway(settings: Settings, database: Database, *, pay_at_once: bool = True) -> Gateway:
    """Stripe, or the fake where the settings allow it; raises `Conflict` (`no_gateway`) when there is none.

    `pay_at_once` False lets the fake's own page ask for a press of the button.
    """
    if settings.payment.gateway == "stripe":
        return StripeGateway.from_environment()
    if settings.payment.gateway == "fake" and settings.instance.demo:
        return FakeGateway(database, pay_at_once=pay_at_once)
    raise Conflict(
        "No payment gateway is set up: set payment.gateway in the settings.", code="no_gateway", field="payment.gateway"
    )
