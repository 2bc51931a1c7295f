"""What each owner is owed, on our documents, in our books and at the gateway; below zero it owes us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from broker.billing.bank import threshold_store as store
from broker.billing.bank.payout_thresholds import threshold_on
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings

OwedState = Literal["negative", "below", "due", "to_come", "nothing"]


@dataclass(frozen=True, slots=True)
class OwnerBalance:
    """An owner's money in cents.

    `owed_cents`: documents that no payout holds, corrections netted (`corrections_cents` of them); what is paid when
    the advertiser has paid stands in `waiting_cents`, what is contested in `contested_cents`. `under_way_cents`:
    payouts that were proposed and have not been booked. `books_cents`: the balance of 401 and 467, for staff alone.
    `gateway_cents`: what stands on its account there, free or not; None where it has none or nothing was read.
    """

    owner: str
    owner_code: str
    owed_cents: int
    waiting_cents: int
    contested_cents: int
    corrections_cents: int
    due_on: date | None
    under_way_cents: int
    books_cents: int | None
    gateway_cents: int | None
    gateway_at: datetime | None
    threshold_cents: int
    state: OwedState


def owner_balances(unit: UnitOfWork, settings: Settings) -> list[OwnerBalance]:
    """Every owner with money of some kind, those below zero first; an owner gets its own."""
    unit.actor.require("accountant", "broker", "owner")
    threshold, today = threshold_on(unit, settings), unit.today
    staff = unit.actor.role != "owner"
    return [
        OwnerBalance(
            owner=row.owner,
            owner_code=row.owner_code,
            owed_cents=row.owed_cents,
            waiting_cents=row.waiting_cents,
            contested_cents=row.contested_cents,
            corrections_cents=row.corrections_cents,
            due_on=row.due_on,
            under_way_cents=row.under_way_cents,
            books_cents=int(row.books_cents) if staff else None,
            gateway_cents=None if row.available_cents is None else row.available_cents + row.pending_cents,
            gateway_at=row.balance_at,
            threshold_cents=threshold,
            state=owed_state(row.owed_cents, row.due_on, today, threshold),
        )
        for row in store.standings(unit)
    ]


def owed_state(owed: int, due_on: date | None, today: date, threshold: int) -> OwedState:
    """Where an owner stands: what is below the threshold waits for its due date, what is below zero is never paid."""
    if owed < 0:
        return "negative"
    if owed == 0:
        return "nothing"
    if due_on is not None and due_on <= today:
        return "due"
    return "to_come" if owed >= threshold else "below"
