"""The gateway's balance against the books, line by line; each difference with a proposed cause.

The balance stands on account 512 with the bank's: what is the gateway's of it are the entries that its lines say
(docs/decisions/0043-gateway-balance.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row

from broker.billing.gateway import gateway_line_store as store
from broker.billing.gateway.gateway_balance import OWN_FEES
from broker.billing.gateway.gateway_payout_store import GatewayPayout, latest
from broker.kernel.database import UnitOfWork

Cause = Literal[
    "to_be_booked", "another_amount", "gateway_charge", "adjustment", "reserve", "top_up", "foreign_currency",
    "of_no_payment", "not_on_balance", "not_at_bank", "on_its_way",
]  # fmt: skip
BANK_DAYS = 7  # by then a payout is on the bank's statement


@dataclass(frozen=True, slots=True)
class GatewayDifference:
    """What one side shows and the other does not; `cents` is by how much the balance exceeds the books."""

    side: Literal["gateway", "ledger", "bank"]
    code: str
    reference: str
    kind: str
    day: date
    cents: int
    about: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class GatewayReconciliation:
    """The balance, its lines and the books. `equal` lines are the same on both sides.

    `available_cents` and `pending_cents` are of the last reading, `lines_cents` what all lines sum to, `ledger_cents`
    what the books have at the gateway. `unexplained_cents` = lines - books - differences is 0 unless books were changed
    by hand; `history_cents` is what the balance holds that no line says.
    """

    starts_on: date
    ends_on: date
    read_at: datetime | None
    available_cents: int
    pending_cents: int
    lines_cents: int
    ledger_cents: int
    equal: int
    by_kind: tuple[tuple[str, int, int, int], ...]
    differences: tuple[GatewayDifference, ...]
    unexplained_cents: int
    history_cents: int


def reconcile_gateway(unit: UnitOfWork, first: date, last: date) -> GatewayReconciliation:
    """Compare a period; sums are over all lines up to its end."""
    unit.actor.require("accountant", "broker")
    lines = store.lines(unit, first, last)
    found = [one for one in map(_of_line, lines) if one is not None]
    equal = len(lines) - len(found)
    found += [
        GatewayDifference("ledger", row.piece_ref, row.key, "", row.day, -row.cents, row.label, "not_on_balance")
        for row in store.entries_not_shown(unit, first, last)
    ]
    earlier = 0
    if first > date.min:
        before = first - timedelta(days=1)
        earlier = store.differing_cents(unit, before)
    reading, all_lines = store.last_reading(unit), store.lines_cents(unit, last)
    books = store.ledger_cents(unit, last)
    explained = earlier + sum(one.cents for one in found)
    found += _at_bank(unit, lines, first, last)
    ready, later = (0, 0) if reading is None else (reading.available_cents, reading.pending_cents)
    return GatewayReconciliation(
        first,
        last,
        None if reading is None else reading.read_at,
        ready,
        later,
        all_lines,
        books,
        equal,
        _by_kind(lines),
        tuple(sorted(found, key=lambda one: (one.day, one.code))),
        all_lines - books - explained,
        ready + later - store.lines_cents(unit, date.max),
    )


def list_lines(unit: UnitOfWork, first: date, last: date) -> list[Row[Any]]:
    """The lines of a period with what the books say of each."""
    unit.actor.require("accountant", "broker")
    return store.lines(unit, first, last)


def list_gateway_payouts(unit: UnitOfWork) -> list[GatewayPayout]:
    """What was sent to our bank, the newest first."""
    unit.actor.require("accountant", "broker")
    return latest(unit)


def _of_line(row: Row[Any]) -> GatewayDifference | None:
    if row.side == "bank" or (row.net_cents == row.booked_cents and (row.side or row.booked_at or not row.net_cents)):
        return None
    missing = row.net_cents - row.booked_cents
    return GatewayDifference(
        "gateway", row.code, row.reference, row.kind, row.moved_on, missing, row.about or row.kind, _cause(row)
    )


def _cause(row: Row[Any]) -> Cause:
    if row.currency != "EUR":
        return "foreign_currency"
    if row.side in ("payment", "transfer", "reversal", "explained"):
        return "another_amount" if row.booked_cents else "to_be_booked"
    if row.kind in OWN_FEES:
        return "gateway_charge"
    if "reserve" in row.kind or "hold" in row.kind:
        return "reserve"
    if row.kind.startswith("topup"):
        return "top_up"
    if row.kind in ("charge", "payment", "refund", "payment_refund", "transfer", "transfer_refund"):
        return "of_no_payment"
    return "adjustment"


def _at_bank(unit: UnitOfWork, lines: list[Row[Any]], first: date, last: date) -> list[GatewayDifference]:
    """Payouts that no statement of the bank shows yet: listed, but no difference of the two books of the gateway."""
    wide, today = timedelta(days=2 * BANK_DAYS), unit.today
    seen = [row.cents for row in store.bank_credits(unit, first, last + wide)]
    failed = {row.about for row in lines if row.kind in ("payout_failure", "payout_cancel")}
    found = []
    for row in lines:
        if row.kind != "payout" or row.about in failed:
            continue
        if -row.net_cents in seen:
            seen.remove(-row.net_cents)
            continue
        late = today - row.moved_on > timedelta(days=BANK_DAYS)
        cause: Cause = "not_at_bank" if late else "on_its_way"
        found.append(
            GatewayDifference("bank", row.code, row.reference, row.kind, row.moved_on, -row.net_cents, row.about, cause)
        )
    return found


def _by_kind(lines: list[Row[Any]]) -> tuple[tuple[str, int, int, int], ...]:
    """(kind, lines, cents, fees) of a period."""
    sums: dict[str, list[int]] = {}
    for row in lines:
        one = sums.setdefault(row.kind, [0, 0, 0])
        one[0] += 1
        one[1] += row.amount_cents
        one[2] += row.fee_cents
    return tuple((kind, *sums[kind]) for kind in sorted(sums))  # type: ignore[misc]
