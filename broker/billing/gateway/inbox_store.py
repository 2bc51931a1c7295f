"""The only place with the SQL of the webhooks' inbox."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.billing.gateway.gateway_objects import GatewayEvent
from broker.kernel.database import UnitOfWork


def receive(unit: UnitOfWork, event: GatewayEvent) -> bool:
    """Store an event and ask for its job; False when it was there already."""
    return bool(
        unit.scalar(
            "SELECT receive_webhook(:id, :kind, :reference, :account)",
            id=event.id,
            kind=event.kind,
            reference=event.object_reference,
            account=event.account,
        )
    )


def waiting(unit: UnitOfWork, number: int) -> Row[Any] | None:
    """(id, kind, object_reference, account) of an event that was not treated yet."""
    return unit.one(
        "SELECT id, kind, object_reference, account FROM webhook_event WHERE number = :number AND processed_at IS NULL",
        number=number,
    )


def treated(unit: UnitOfWork, number: int, outcome: str) -> None:
    """Mark an event as treated: `done`, or `unknown` where it is about nothing of ours."""
    unit.run(
        "UPDATE webhook_event SET processed_at = app_now(), outcome = :outcome WHERE number = :number",
        number=number,
        outcome=outcome,
    )
