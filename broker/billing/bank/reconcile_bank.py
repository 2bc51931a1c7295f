"""The bank's statements against the ledger (512), line by line; each difference with a proposed cause."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from broker.billing.bank import bank_statement_store as store
from broker.kernel.database import UnitOfWork

Cause = Literal[
    "in_gateway", "gateway_payout", "by_hand", "payout_under_way", "fee_by_hand", "other_entry", "not_booked_yet",
    "another_amount", "other_period", "statement_missing", "on_gateway",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """What one side shows and the other does not, in cents, and why that may be."""

    side: Literal["bank", "ledger"]
    reference: str
    day: date | None
    cents: int
    about: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Account 512 and the bank at the end of a period. `equal` lines are the same on both sides.

    `explained_cents` is the sum of the differences as they change the ledger against the bank;
    `unexplained_cents` is None when no statement says a balance.
    """

    starts_on: date
    ends_on: date
    ledger_cents: int
    bank_cents: int | None
    bank_on: date | None
    equal: int
    differences: tuple[Difference, ...]
    explained_cents: int
    unexplained_cents: int | None


def reconcile_bank(unit: UnitOfWork, first: date, last: date) -> Reconciliation:
    """Compare a period. Card payments stand on 512 from their capture on and reach the bank with the gateway's payouts:
    the two are listed, since they cancel out by sums and not one by one."""
    unit.actor.require("accountant", "broker")
    entries = store.cash_entries(unit, first, last)
    lines = store.cash_lines(unit, first, last)
    shown = store.keys_on_statements(unit, [row.key for row in entries])
    transfers = store.keys_of_transfers(unit, [row.key for row in entries])
    here = {key for line in lines for key in line.keys or ()}
    found: list[Difference] = []
    equal = 0
    for line in lines:
        if line.booked_cents == line.cents:
            equal += 1
            continue
        cause: Cause = "gateway_payout" if line.kind == "gateway" else "another_amount"
        if line.kind != "gateway" and not line.booked_cents:
            cause = "not_booked_yet"
        found.append(Difference("bank", line.code, line.day, line.cents - line.booked_cents, line.about, cause))
    for row in entries:
        if row.key in here:
            continue
        cause = "on_gateway" if row.key in transfers else "other_period" if row.key in shown else _cause(row.key)
        found.append(Difference("ledger", row.piece_ref, row.day, row.cents, row.label, cause))
    explained = sum(one.cents if one.side == "ledger" else -one.cents for one in found)
    found += [
        Difference("bank", gap.after, None, gap.cents, gap.before, "statement_missing") for gap in store.gaps(unit)
    ]
    ledger, bank = store.cash_balance(unit, last), store.closing_balance(unit, last)
    left = None if bank is None else ledger - bank.cents - explained
    return Reconciliation(
        first,
        last,
        ledger,
        None if bank is None else bank.cents,
        None if bank is None else bank.day,
        equal,
        tuple(found),
        explained,
        left,
    )


def _cause(key: str) -> Cause:
    causes: dict[str, Cause] = {
        "payment": "in_gateway",
        "gateway": "in_gateway",
        "gateway_line": "on_gateway",
        "reversal_of_transfer": "on_gateway",
        "receipt": "by_hand",
        "payout": "payout_under_way",
        "refund": "payout_under_way",
        "fee": "fee_by_hand",
    }
    return causes.get(key.partition(":")[0], "other_entry")
