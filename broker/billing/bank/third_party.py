"""Money that is not ours: what we hold as agent (467), by whose it is."""

from __future__ import annotations

from dataclasses import dataclass

from broker.billing.bank import third_party_store as store
from broker.kernel.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Held:
    """What stands for one party on 467, in cents: positive what we hold for it, negative what it still has to bring."""

    party: str
    code: str
    cents: int


@dataclass(frozen=True, slots=True)
class ThirdParty:
    """Funds of others, against what is on the bank (512): `cash_cents` less `held_cents` is the company's own."""

    held: tuple[Held, ...]
    held_cents: int
    cash_cents: int
    contracts: int

    @property
    def own_cents(self) -> int:
        """What would be left if everybody asked for theirs."""
        return self.cash_cents - self.held_cents


def third_party_funds(unit: UnitOfWork) -> ThirdParty:
    """What we hold for others, apart from the company's own. Holding it may need an agreement as a payment institution
    or agent (Monetary and Financial Code L521-1 and L522-1): counsel says whether it does."""
    unit.actor.require("accountant", "broker")
    rows = [Held(row.party, row.code, row.cents) for row in store.held(unit)]
    return ThirdParty(
        tuple(rows), sum(max(0, row.cents) for row in rows), store.cash(unit), store.contracts(unit, unit.today)
    )
