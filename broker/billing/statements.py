"""The accountant's and the owner's overviews: aged balances, VAT, what sends became on an owner's account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from broker.billing import statement_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.money import MICROS_PER_CENT
from broker.kernel.period import require_day, require_period


@dataclass(frozen=True, slots=True)
class AgedBalance:
    """What a party owes us (411) or is owed (401), in cents, by days past its due date."""

    party: str
    account: str
    not_due: int
    to_30: int
    to_60: int
    to_90: int
    older: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.not_due + self.to_30 + self.to_60 + self.to_90 + self.older


@dataclass(frozen=True, slots=True)
class VatSummary:
    """VAT of a period in cents: what fell due, what can be deducted, what still waits at its end."""

    due_cents: int
    self_assessed_cents: int
    deductible_cents: int
    waiting_due_cents: int
    waiting_deductible_cents: int

    @property
    def payable_cents(self) -> int:
        """What is owed to the tax office for the period; negative when it owes."""
        return self.due_cents + self.self_assessed_cents - self.deductible_cents


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One mailing on an owner's statement: from its sends to the payout, in that order.

    `credited_cents`: what corrections took back of `total_cents`, VAT included, as agent without our fee on it.
    """

    mailing: str
    day: date
    sends: int
    billable: int
    owner_micros: int
    self_bill: str
    net_cents: int
    vat_cents: int
    total_cents: int
    credited_cents: int
    payout: str
    paid_on: date | None

    @property
    def reconciled(self) -> bool:
        """Whether the bill is the sends' share, to the cent that rounding an order's total may move."""
        return not self.self_bill or abs(self.owner_micros - self.net_cents * MICROS_PER_CENT) <= MICROS_PER_CENT


@dataclass(frozen=True, slots=True)
class StatementTotal:
    """The sums of a statement's rows, whatever page of it is shown; `paid_cents` is what payouts have paid of them."""

    sends: int
    billable: int
    owner_micros: int
    total_cents: int
    credited_cents: int
    paid_cents: int


def statement_total(rows: Sequence[StatementRow]) -> StatementTotal:
    """The sums of these rows."""
    return StatementTotal(
        sum(row.sends for row in rows),
        sum(row.billable for row in rows),
        sum(row.owner_micros for row in rows),
        sum(row.total_cents for row in rows),
        sum(row.credited_cents for row in rows),
        sum(row.total_cents for row in rows if row.paid_on is not None),
    )


def aged_balances(unit: UnitOfWork, on: date) -> list[AgedBalance]:
    """Open invoices and self-bills on a day, by party and age. Receipts and payouts booked until then count."""
    unit.actor.require("accountant", "broker")
    require_day(on, "on")
    return [AgedBalance(**row._mapping) for row in store.aged(unit, on)]


def vat_summary(unit: UnitOfWork, first: date, last: date) -> VatSummary:
    """The VAT of a period, from the ledger."""
    unit.actor.require("accountant", "broker")
    require_period(first, last)
    moved, standing = store.moved(unit, first, last), store.standing(unit, last)
    return VatSummary(
        due_cents=-moved.get("44571", 0),
        self_assessed_cents=-moved.get("4452", 0),
        deductible_cents=moved.get("44566", 0) + moved.get("445662", 0),
        waiting_due_cents=-standing.get("44574", 0),
        waiting_deductible_cents=standing.get("44564", 0),
    )


def owner_statement(unit: UnitOfWork, owner_id: int, first: date, last: date) -> list[StatementRow]:
    """An owner's mailings settled in a period: sends → billable → self-bill → payout. An owner sees its own alone."""
    unit.actor.require("owner", "accountant", "broker")
    require_period(first, last)
    if unit.actor.role == "owner":
        owner_id = unit.actor.org
    return [StatementRow(**row._mapping) for row in store.statement(unit, owner_id, first, last)]
