"""The accounts of the ledger, with their names."""

from __future__ import annotations

from dataclasses import dataclass

from broker.kernel.database import UnitOfWork
from broker.ledger import store


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the chart and what stands on it: debits minus credits, in cents."""

    number: str
    label_fr: str
    label_en: str
    cents: int


def chart(unit: UnitOfWork) -> list[Account]:
    """The chart of accounts with balances, by number; for accountant and broker."""
    unit.actor.require("accountant", "broker")
    return [Account(**row._mapping) for row in store.chart(unit)]


def account_names(unit: UnitOfWork, language: str) -> dict[str, str]:
    """Number → name in `fr` or `en`, for accountant and broker."""
    unit.actor.require("accountant", "broker")
    return {row.number: row.label_fr if language == "fr" else row.label_en for row in store.accounts(unit)}
