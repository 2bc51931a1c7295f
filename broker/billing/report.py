"""The revenue report: what each mailing brought, and three sums that must be equal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Row

from broker.billing import report_store
from broker.billing.model import shares_in_cents
from broker.kernel.database import UnitOfWork
from broker.kernel.money import MICROS_PER_CENT, round_div
from broker.kernel.period import require_period


@dataclass(frozen=True, slots=True)
class RevenueRow:
    """One mailing. Before it is settled its cents are those that its accruals would round to today.

    `sends` were handed to a receiving server (accepted, refused or uncertain), seeds excluded; `billable` are accepted
    and not bounced in time. `ecpm_cents` is the gross of a thousand sends. As agent
    (`role`) `invoice` is the owner's and `self_bill` our fee on it.
    """

    mailing: str
    kind: str
    day: date
    title: str
    owner: str
    advertiser: str
    settled: bool
    sends: int
    bounced: int
    uncertain: int
    billable: int
    sends_micros: int
    other_micros: int
    gross_cents: int
    owner_cents: int
    commission_cents: int
    ecpm_cents: int
    ledger_cents: int
    invoice_cents: int
    invoice: str
    self_bill: str
    role: str


@dataclass(frozen=True, slots=True)
class RevenueReport:
    """The rows of a period and the sums of its settled mailings.

    `sends_micros` is summed over the send rows, `other_micros` over what is billed without a send (net names run,
    conversions), `ledger_cents` over the ledger's entries (account 706),
    `invoice_cents` over the documents. `waiting_micros` is accrued and not yet settled. An owner sees neither the
    broker's ledger nor its invoices: there `complete` is False, and `balanced` compares the owner's own documents with
    its accruals.
    """

    first: date
    last: date
    rows: list[RevenueRow]
    sends_micros: int
    other_micros: int
    ledger_cents: int
    invoice_cents: int
    owner_cents: int
    commission_cents: int
    waiting_micros: int
    balanced: bool
    complete: bool


def revenue_report(unit: UnitOfWork, first: date, last: date) -> RevenueReport:
    """Mailings settled from `first` to `last` (days of France), and those begun by `last` that are not settled yet.

    For accountant and broker: all of them; for an owner: its own.
    """
    unit.actor.require("accountant", "broker", "owner")
    require_period(first, last)
    complete = unit.actor.role != "owner"
    rows = [_row(found) for found in report_store.report_rows(unit, first, last)]
    settled = [row for row in rows if row.settled]
    return RevenueReport(
        first=first,
        last=last,
        rows=rows,
        sends_micros=sum(row.sends_micros for row in settled),
        other_micros=sum(row.other_micros for row in settled),
        ledger_cents=sum(row.ledger_cents for row in settled),
        invoice_cents=sum(row.invoice_cents for row in settled),
        owner_cents=sum(row.owner_cents for row in settled),
        commission_cents=sum(row.commission_cents for row in settled),
        waiting_micros=sum(row.sends_micros for row in rows if not row.settled),
        balanced=all(_equal(row, complete) for row in settled),
        complete=complete,
    )


def unequal_rows(report: RevenueReport) -> Iterable[RevenueRow]:
    """The settled rows whose sums differ: there should never be one."""
    return (row for row in report.rows if row.settled and not _equal(row, report.complete))


def _equal(row: RevenueRow, complete: bool) -> bool:
    """Whether the sums of a settled mailing agree: to the cent, for the cents are rounded from the micros once.

    Mailings of one order are rounded together, so one of them may stand up to one cent off its own micros.
    """
    micros = row.sends_micros + row.other_micros
    near = abs(micros - row.gross_cents * MICROS_PER_CENT) <= MICROS_PER_CENT
    if not complete:
        return near
    return near and row.ledger_cents == row.invoice_cents == row.gross_cents


def _row(found: Row[Any]) -> RevenueRow:
    accrued = shares_in_cents(found.owner_micros, found.commission_micros)
    gross, owner = accrued.gross, accrued.owner
    if found.settled and found.invoice:
        gross = found.invoice_cents
    if found.settled and found.owner_cents:
        owner = found.owner_cents
    return RevenueRow(
        mailing=found.mailing,
        kind=found.kind,
        day=found.day,
        title=found.title,
        owner=found.owner,
        advertiser=found.advertiser,
        settled=found.settled,
        sends=found.sends,
        bounced=found.bounced,
        uncertain=found.uncertain,
        billable=found.billable,
        sends_micros=found.sends_micros,
        other_micros=found.other_micros,
        gross_cents=gross,
        owner_cents=owner,
        commission_cents=gross - owner,
        ecpm_cents=round_div(gross * 1_000, found.sends) if found.sends else 0,
        ledger_cents=found.ledger_cents,
        invoice_cents=found.invoice_cents,
        invoice=found.invoice,
        self_bill=found.self_bill,
        role=found.role,
    )
