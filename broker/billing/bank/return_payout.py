"""A payout that came back: undone in the books, its account held, its documents free to be paid again."""

from __future__ import annotations

from datetime import date

from broker.audit.record import record
from broker.billing.bank import bank_store
from broker.billing.bank.payouts import book_payout, fail_payout, find_payout
from broker.billing.gateway import transfer_store as store
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput
from broker.ledger.model import mirrored
from broker.ledger.periods import open_day
from broker.ledger.post import post
from broker.ledger.store import entry_by_key
from broker.notifications.notify import notify

# ISO 20022 external codes that speak of the account itself: nothing more goes there.
OF_THE_ACCOUNT = frozenset({"AC01", "AC02", "AC03", "AC04", "AC06", "AC13", "AG01", "MD07", "RR01", "BE04"})


def return_payout(unit: UnitOfWork, code: str, returned_on: date, reason: str) -> None:
    """Say that the bank sent a payout back; a job undoes it. A statement says so by itself.

    Raises `InvalidInput` (`bad_day`), `Conflict` (`payout_state`).
    """
    unit.actor.require("broker", "accountant")
    payout = find_payout(unit, code)
    if returned_on > unit.today:
        raise InvalidInput("A payout cannot have come back in the future.", code="bad_day", field="returned_on")
    if payout.state not in ("confirmed", "paid"):
        raise Conflict(f"The payout is {payout.state}: only one that has left comes back.", code="payout_state")
    take_return(unit, payout.id, code, returned_on, reason)


def take_return(unit: UnitOfWork, payout_id: int, code: str, returned_on: date, reason: str) -> None:
    """The same, found by its row."""
    if not store.take_down_return(unit, payout_id, returned_on, reason):
        raise Conflict("This payout came back already.", code="payout_state")
    unit.enqueue("book_payout_return", payout_id)
    record(unit, "payout.came_back", "payout", code, reason=reason)


def reject_payout(unit: UnitOfWork, code: str, reason: str) -> None:
    """The bank refused an exported payout before it left (pain.002): nothing was booked, its documents are free."""
    payout_id = find_payout(unit, code).id
    fail_payout(unit, code, reason)
    account = store.account_of(unit, payout_id)
    if reason[:4] in OF_THE_ACCOUNT and account is not None and store.hold_account(unit, account):
        record(unit, "bank_account.held", "payout", code, reason=reason)


def book_payout_return(database: Database, payout_id: int) -> None:
    """Job: the mirror image of the payout's entry, dated by the bank; once."""
    with database.begin() as unit:
        waiting = store.return_to_book(unit, payout_id)
        unbooked = waiting is not None and waiting.state in ("exported", "confirmed")
    if unbooked:
        with database.begin() as unit:  # it left, and came back before its own job ran
            bank_store.set_state(unit, payout_id, ["exported"], "confirmed", paid_on=unit.today)
        book_payout(database, payout_id)
    with database.begin() as unit:
        row = store.return_to_book(unit, payout_id)
        if row is None or row.state != "paid":
            return
        entry = entry_by_key(unit, f"payout:{row.code}")
        assert entry is not None  # a paid payout has one
        day = max(open_day(unit, row.returned_on), entry.day)
        label = f"Virement propriétaire revenu, {row.code}"
        key = f"payout:{row.code}:returned"
        post(unit, "BQ", day, row.code, label, mirrored(entry.lines), key, piece_day=row.returned_on)
        bank_store.set_state(unit, row.id, ["paid"], "returned")
        bank_store.free_lines(unit, row.id)
        held = store.hold_account(unit, row.bank_account_id) if row.bank_account_id is not None else False
        record(unit, "payout.returned", "payout", row.code, cents=row.amount_cents, account_held=held)
        for party in (row.owner_id, None):
            notify(
                unit, "payout.returned", party, row.code, amount_cents=row.amount_cents,
                reason=row.return_reason or "—",
            )  # fmt: skip
