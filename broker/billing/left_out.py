"""Owners to whom something is due and for whom no payout can be proposed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Literal

from broker.accounts import store as accounts
from broker.billing import bank_store as store
from broker.billing import freeze_store
from broker.kernel.database import UnitOfWork
from broker.kernel.settings import Settings


@dataclass(frozen=True)
class LeftOut:
    """An owner that is owed something and gets no payout: it is frozen, or no account of it can be used yet."""

    owner: str
    cents: int
    why: Literal["org_frozen", "account_waits", "no_account"]


def left_out(unit: UnitOfWork, settings: Settings, until: date) -> list[LeftOut]:
    """Who is left when payouts were proposed until a day (`propose_payouts`), in the same unit."""
    unit.actor.require("broker", "accountant")
    found = []
    for owner_id, group in groupby(store.unpaid_bills(unit, until), key=lambda row: int(row.owner_id)):
        bills = list(group)
        total = sum(row.total_cents for row in bills)
        if total <= 0 or not (any(row.due for row in bills) or total >= settings.payment.threshold_cents):
            continue
        owner = accounts.organisation(unit, owner_id)
        if owner is None:
            continue
        found.append(LeftOut(owner.name, total, _why(unit, owner_id)))
    return found


def _why(unit: UnitOfWork, owner_id: int) -> Literal["org_frozen", "account_waits", "no_account"]:
    if freeze_store.frozen(unit, owner_id):
        return "org_frozen"
    return "account_waits" if store.approved_account(unit, owner_id) else "no_account"
