"""What a base earns its owner against what it costs, month by month."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.bases.costs import list_costs
from broker.bases.costs_model import Cost, months_between
from broker.bases.find_base import find_base
from broker.bases.snapshot_size import snapshot_size
from broker.billing import base_balance_store as store
from broker.billing.model import shares_in_cents
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.money import MICROS_PER_CENT, round_div

LONGEST = 60  # months


@dataclass(frozen=True, slots=True)
class MonthBalance:
    """One month: settled (on documents), accrued (sent, not settled yet), spent. All in cents, the owner's part."""

    month: date
    settled_cents: int
    accrued_cents: int
    cost_cents: int

    @property
    def earned_cents(self) -> int:
        """Settled and accrued together."""
        return self.settled_cents + self.accrued_cents

    @property
    def result_cents(self) -> int:
        """What is left."""
        return self.earned_cents - self.cost_cents


@dataclass(frozen=True, slots=True)
class BaseBalance:
    """The months of a period, oldest first, and their sums over the base's contacts of today."""

    months: list[MonthBalance]
    costs: list[Cost]
    contacts: int

    @property
    def total(self) -> MonthBalance:
        """The sums, under the first month."""
        return MonthBalance(
            self.months[0].month,
            sum(month.settled_cents for month in self.months),
            sum(month.accrued_cents for month in self.months),
            sum(month.cost_cents for month in self.months),
        )

    def per_contact_micros(self, cents: int) -> int | None:
        """An amount of the period per contact, in micro-units (10,000 a cent); None without contacts."""
        return round_div(cents * MICROS_PER_CENT, self.contacts) if self.contacts else None

    def per_thousand_cents(self, cents: int) -> int | None:
        """An amount of the period per thousand contacts; None without contacts."""
        return round_div(cents * 1_000, self.contacts) if self.contacts else None


def base_balance(unit: UnitOfWork, base_code: str, months: int = 12) -> BaseBalance:
    """The last `months` months of a base, this one included; for its owner alone."""
    unit.actor.require("owner")
    if not 1 <= months <= LONGEST:
        raise InvalidInput(f"A balance covers 1 to {LONGEST} months.", code="bad_period", field="months")
    base = find_base(unit, base_code)
    costs = list_costs(unit, base_code)
    size = snapshot_size(unit, base)
    today = unit.today
    start = today.year * 12 + today.month - months
    first = date(start // 12, start % 12 + 1, 1)
    settled: dict[date, int] = {}
    accrued: dict[date, int] = {}
    for row in store.earned(unit, base.id, first):
        owner = shares_in_cents(row.owner_micros, row.commission_micros).owner
        if row.settled:
            settled[row.month] = settled.get(row.month, 0) + (owner if row.billed_cents is None else row.billed_cents)
        else:
            accrued[row.month] = accrued.get(row.month, 0) + owner
    rows = [
        MonthBalance(month, settled.get(month, 0), accrued.get(month, 0), sum(cost.cents_in(month) for cost in costs))
        for month in months_between(first, today)
    ]
    return BaseBalance(rows, costs, size.rows if size else 0)
