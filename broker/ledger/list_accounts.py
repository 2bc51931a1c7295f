"""The accounts of the ledger, with their names."""

from __future__ import annotations

from broker.kernel.database import UnitOfWork
from broker.ledger import store


def account_names(unit: UnitOfWork, language: str) -> dict[str, str]:
    """Number → name in `fr` or `en`, for accountant and broker."""
    unit.actor.require("accountant", "broker")
    return {row.number: row.label_fr if language == "fr" else row.label_en for row in store.accounts(unit)}
