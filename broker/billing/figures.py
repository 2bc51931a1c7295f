"""Revenue by any dimension and period, the month's forecast, deferred and accrued revenue, conversions by state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from broker.billing import close_store
from broker.billing import figures_store as store
from broker.billing.close_checks import bounds
from broker.billing.close_store import instants
from broker.billing.model import shares_in_cents
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.money import BASIS_POINTS, micros_to_cents, require_currency, round_div
from broker.kernel.period import require_period

ARRIVAL_DAYS = 90
# Each figure leads one step down, and each step is a filter of the next.
DOWN = {
    "month": "day",
    "day": "mailing",
    "owner": "campaign",
    "advertiser": "campaign",
    "sector": "campaign",
    "model": "campaign",
    "kind": "campaign",
    "role": "campaign",
    "card": "campaign",
    "segment": "mailing",
    "campaign": "mailing",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of a dimension. `sends` were accepted by a receiving server, `billable` not taken back by a bounce.

    Amounts are micros; `per_send_micros` and `ecpm_cents` are revenue over accepted sends.
    """

    key: str
    name: str
    sends: int
    billable: int
    conversions: int
    gross_micros: int
    owner_micros: int
    commission_micros: int

    @property
    def per_send_micros(self) -> int:
        """Revenue of one accepted send."""
        return round_div(self.gross_micros, self.sends) if self.sends else 0

    @property
    def ecpm_cents(self) -> int:
        """Revenue of a thousand accepted sends."""
        return micros_to_cents(round_div(self.gross_micros * 1_000, self.sends)) if self.sends else 0


@dataclass(frozen=True, slots=True)
class Figures:
    """The rows of a question and their sum (key and name empty); `down` is the dimension one step further."""

    first: date
    last: date
    by: str
    filters: Mapping[str, str]
    rows: list[Figure]
    total: Figure
    down: str


def revenue_figures(
    unit: UnitOfWork,
    first: date,
    last: date,
    by: str = "owner",
    filters: Mapping[str, str] | None = None,
    currency: str = "EUR",
) -> Figures:
    """Revenue as it accrued from `first` to `last` (days of France), by a dimension, narrowed by others.

    For accountant and broker all of it, for an owner its own. Raises `InvalidInput` (`bad_period`, `bad_year`,
    `unknown_dimension`, `unknown_currency`).
    """
    unit.actor.require("accountant", "broker", "owner")
    require_currency(currency)
    require_period(first, last)
    wanted = {name: value for name, value in (filters or {}).items() if value}
    for name in (by, *wanted):
        if name not in store.DIMENSIONS:
            raise InvalidInput(
                f"{name!r} is no dimension: use {', '.join(store.DIMENSIONS)}.", code="unknown_dimension", field="by"
            )
    start, end = instants(first, last)
    rows = [
        Figure(
            row.key,
            row.name,
            row.sends,
            row.sends - row.bounced,
            row.conversions,
            row.gross_micros,
            row.owner_micros,
            row.commission_micros,
        )
        for row in store.grouped(unit, by, start, end, wanted)
    ]
    total = Figure(
        "",
        "",
        sum(row.sends for row in rows),
        sum(row.billable for row in rows),
        sum(row.conversions for row in rows),
        sum(row.gross_micros for row in rows),
        sum(row.owner_micros for row in rows),
        sum(row.commission_micros for row in rows),
    )
    return Figures(first, last, by, wanted, rows, total, DOWN.get(by, ""))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a month will bring: accrued so far, and what is planned for the rest of it as far as sends arrive.

    `arrival_bp`: of the last 90 days' accepted sends, how many were not taken back. In micros.
    """

    month: date
    accrued_micros: int
    accrued_commission_micros: int
    planned_mailings: int
    planned_micros: int
    planned_commission_micros: int
    arrival_bp: int

    @property
    def total_micros(self) -> int:
        """Accrued and expected."""
        return self.accrued_micros + round_div(self.planned_micros * self.arrival_bp, BASIS_POINTS)

    @property
    def commission_micros(self) -> int:
        """Our part of it."""
        planned = round_div(self.planned_commission_micros * self.arrival_bp, BASIS_POINTS)
        return self.accrued_commission_micros + planned


def forecast(unit: UnitOfWork, month: date) -> Forecast:
    """The forecast of a month, from its accruals and the mailings planned in it; for accountant and broker."""
    unit.actor.require("accountant", "broker")
    first, last = bounds(month)
    _, end = instants(first, last)
    so_far = revenue_figures(unit, first, last, "month").total
    ahead = store.planned(unit, end)
    rate = store.arrival(unit, unit.now - timedelta(days=ARRIVAL_DAYS))
    arrived = (rate.accepted - rate.bounced) * BASIS_POINTS
    arrives = round_div(arrived, rate.accepted) if rate.accepted else BASIS_POINTS
    return Forecast(
        first,
        so_far.gross_micros,
        so_far.commission_micros,
        ahead.mailings,
        ahead.micros,
        ahead.commission_micros,
        arrives,
    )


@dataclass(frozen=True, slots=True)
class AccruedMailing:
    """A mailing whose sends of the period are billed later, in cents: revenue of the company, cost of the owner."""

    mailing: str
    role: str
    revenue_cents: int
    cost_cents: int


@dataclass(frozen=True, slots=True)
class CutOff:
    """Deferred and accrued revenue at the end of a month.

    `deferred`: account → cents that customers paid in advance (4191), are owed back (4197), or that we hold for others
    (467).
    """

    last: date
    accrued: list[AccruedMailing]
    deferred: dict[str, int]

    @property
    def accrued_cents(self) -> int:
        """Revenue accrued."""
        return sum(row.revenue_cents for row in self.accrued)

    @property
    def cost_cents(self) -> int:
        """Owners' shares accrued."""
        return sum(row.cost_cents for row in self.accrued)


def cut_off(unit: UnitOfWork, month: date) -> CutOff:
    """What the close of a month would accrue, or did, and what is deferred; for accountant and broker."""
    unit.actor.require("accountant", "broker")
    _, last = bounds(month)
    rows = []
    for row in close_store.unbilled(unit, last):
        cents = shares_in_cents(row.owner_micros, row.commission_micros)
        principal = row.contract_role == "principal"
        rows.append(
            AccruedMailing(
                row.code,
                row.contract_role,
                cents.gross if principal else cents.commission,
                cents.owner if principal else 0,
            )
        )
    standing = {row.account: int(row.cents) for row in store.deferred(unit, last.replace(day=1))}
    return CutOff(last, rows, standing)


@dataclass(frozen=True, slots=True)
class ConversionsByState:
    """How many conversions of a kind stand in a state, and their price in micros."""

    kind: str
    state: str
    number: int
    micros: int


def conversions_by_state(unit: UnitOfWork, first: date, last: date) -> list[ConversionsByState]:
    """Conversions received in a period, by kind and state."""
    unit.actor.require("accountant", "broker", "owner")
    require_period(first, last)
    start, end = instants(first, last)
    return [ConversionsByState(**row._mapping) for row in store.conversions(unit, start, end)]
