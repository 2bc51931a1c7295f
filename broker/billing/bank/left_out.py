"""Owners to whom something is due and for whom no payout can be proposed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Literal

from broker.accounts import store as accounts
from broker.billing.bank import bank_store as store
from broker.billing.bank import freeze_store
from broker.billing.bank.bank_accounts import usable_account
from broker.billing.bank.payout_thresholds import threshold_on
from broker.billing.gateway.connect import ready_account
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings

Reason = Literal["org_frozen", "account_waits", "no_account", "below", "negative"]


@dataclass(frozen=True)
class LeftOut:
    """An owner with money that gets no payout: it is frozen, no account of it can be used yet, the sum is below the
    threshold and not due before `due_on`, or below zero (corrections beyond what it is owed): that nets later."""

    owner: str
    cents: int
    why: Reason
    due_on: date | None = None


def left_out(unit: UnitOfWork, settings: Settings, until: date) -> list[LeftOut]:
    """Who is owed something until a day and would get no payout from `propose_payouts`, and why."""
    unit.actor.require("broker", "accountant")
    found, threshold = [], threshold_on(unit, settings)
    for owner_id, group in groupby(store.unpaid_bills(unit, until), key=lambda row: int(row.owner_id)):
        bills = list(group)
        total = sum(row.total_cents for row in bills)
        if total == 0:
            continue
        owner, why = accounts.organisation(unit, owner_id), _why(unit, settings, owner_id)
        due_on = min((row.due_on for row in bills if row.total_cents > 0), default=None)
        if total < 0:
            why = "negative"
        elif not (any(row.due for row in bills) or total >= threshold):
            why = "below"
        if owner is not None and why is not None:
            found.append(LeftOut(owner.name, total, why, due_on))
    return found


def _why(unit: UnitOfWork, settings: Settings, owner_id: int) -> Reason | None:
    if freeze_store.frozen(unit, owner_id):
        return "org_frozen"
    if ready_account(unit, settings, owner_id) or usable_account(unit, owner_id, settings.payment.iban_wait_hours):
        return None  # the next proposal takes it
    return "account_waits" if store.approved_account(unit, owner_id) else "no_account"
