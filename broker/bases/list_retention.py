"""What an owner's page says of contacts that will be erased."""

from __future__ import annotations

from broker.bases import retention_store as store
from broker.bases.retention_store import RetentionNotice
from broker.kernel.database import UnitOfWork


def list_retention(unit: UnitOfWork) -> list[RetentionNotice]:
    """The announced erasures of the actor's bases by day and relation, and what became of earlier ones."""
    unit.actor.require("owner", "broker")
    return store.notices(unit)
