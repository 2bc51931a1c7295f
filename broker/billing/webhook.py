"""The inbox of webhooks: verify, store once, have a job read the object again."""

from __future__ import annotations

from broker.billing import payment_store as store
from broker.billing.gateway import Gateway
from broker.kernel.database import UnitOfWork


def receive_webhook(unit: UnitOfWork, gateway: Gateway, payload: bytes, signature: str) -> None:
    """Take a webhook as it came (raw body, `Stripe-Signature` header).

    Its content is believed in nothing but which object to read again, so order and number of deliveries do not
    matter. Raises `InvalidInput` (`bad_signature`). Events about unknown objects are stored and left alone.
    """
    event = gateway.read_event(payload, signature)
    store.receive_webhook(unit, event.id, event.kind, event.object_reference)
