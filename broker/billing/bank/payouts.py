"""Pay the owners: proposed by one person, approved by another, exported to the bank, booked when it has left."""

from __future__ import annotations

from datetime import date
from itertools import groupby

from broker.audit.record import record
from broker.billing.bank import bank_store as store
from broker.billing.bank import freeze_store
from broker.billing.bank.bank_accounts import usable_account
from broker.billing.bank.bank_model import Payout
from broker.billing.bank.payout_thresholds import threshold_on
from broker.billing.gateway.connect import ready_account
from broker.billing.gateway.transfer_store import earlier_returns
from broker.billing.invoices import invoice_store
from broker.billing.invoices.entries import payout_lines
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.ledger.matching import match_settled
from broker.ledger.periods import open_day
from broker.ledger.post import post
from broker.ledger.store import entry_balance


def propose_payouts(unit: UnitOfWork, settings: Settings, until: date) -> list[Payout]:
    """Propose one payout for each owner that has something due until a day: all that is unpaid, corrections netted.

    Under the threshold an owner is paid when its due date comes and not before; the threshold never defers a due
    date. Whoever owes us more than it is owed is not paid: what is below zero nets into its next payout. Owners with
    a ready account at the gateway are paid by a transfer to it. Others without a usable bank account, and frozen ones,
    are left out.
    """
    unit.actor.require("broker", "accountant")
    user = unit.actor.require_person()
    made, threshold = [], threshold_on(unit, settings)
    for owner_id, group in groupby(store.unpaid_bills(unit, until), key=lambda row: int(row.owner_id)):
        bills = list(group)
        total = sum(row.total_cents for row in bills)
        due = any(row.due for row in bills)
        connect = ready_account(unit, settings, owner_id)
        account = None if connect else usable_account(unit, owner_id, settings.payment.iban_wait_hours)
        if freeze_store.frozen(unit, owner_id):
            continue
        if total <= 0 or not (due or total >= threshold):
            continue
        if account is None and connect is None:
            continue
        code = new_code("pout")
        store.insert_payout(
            unit,
            {
                "code": code,
                "owner_id": owner_id,
                "bank_account_id": None if account is None else account.id,
                "connect_account_id": None if connect is None else connect.id,
                "amount_cents": total,
                "end_to_end_id": code.replace("_", "-").upper()[:35],
                "proposed_by": user,
            },
            [(row.id, row.total_cents) for row in bills],
        )
        record(unit, "payout.proposed", "payout", code, cents=total, bills=len(bills))
        made.append(_payout(unit, code))
    return made


def approve_payout(unit: UnitOfWork, code: str, day_limit_cents: int = 0) -> Payout:
    """Approve a proposed payout: a second person. `day_limit_cents` is payment.day_limit_cents; 0: no limit.

    Raises `Forbidden` (`four_eyes`), `Conflict` (`payout_state`, `org_frozen`, `day_limit`).
    """
    unit.actor.require("broker", "accountant")
    payout, user = _payout(unit, code), unit.actor.require_person()
    if user == payout.proposed_by:
        raise Forbidden("Whoever proposed a payout cannot approve it: another person must.", code="four_eyes")
    _refuse_frozen(unit, payout)
    if day_limit_cents and store.approved_today(unit) + payout.amount_cents > day_limit_cents:
        raise Conflict(
            "With this one more is approved today than payment.day_limit_cents allows: approve it tomorrow.",
            code="day_limit",
        )
    _move(unit, payout, ["proposed"], "approved", approved_by=user, approved_at=unit.now)
    if payout.via == "connect":
        unit.enqueue("send_transfer", payout.id)
    return _payout(unit, code)


def confirm_payout(unit: UnitOfWork, code: str, paid_on: date) -> Payout:
    """Say that an exported payout has left our account; a job books it."""
    unit.actor.require("broker", "accountant")
    if paid_on > unit.today:
        raise InvalidInput("A payout cannot have left in the future.", code="bad_day", field="paid_on")
    payout = _payout(unit, code)
    _move(unit, payout, ["exported"], "confirmed", paid_on=paid_on)
    unit.enqueue("book_payout", payout.id)
    return _payout(unit, code)


def fail_payout(unit: UnitOfWork, code: str, reason: str) -> Payout:
    """Give a payout up that was refused or returned by the bank; its self-bills can be proposed again."""
    unit.actor.require("broker", "accountant")
    payout = _payout(unit, code)
    if payout.asked:
        raise Conflict(
            "The gateway is being asked for this transfer: wait for its answer; what was paid is taken back by a"
            " reversal.",
            code="transfer_asked",
        )
    _move(unit, payout, ["proposed", "approved", "exported"], "failed", reason=reason)
    store.free_lines(unit, payout.id)
    return _payout(unit, code)


def find_payout(unit: UnitOfWork, code: str) -> Payout:
    """A payout that the actor may see."""
    return _payout(unit, code)


def list_payouts(unit: UnitOfWork, *states: str) -> list[Payout]:
    """Payouts in some states, or all, that the actor may see."""
    every = ("proposed", "approved", "exported", "confirmed", "paid", "returned", "failed")
    return store.payouts(unit, states or every)


def book_payout(database: Database, payout_id: int) -> None:
    """Book a confirmed payout: D 401 / C 512, the waiting VAT of its self-bills becomes deductible; once.

    The postings of each self-bill and its payment are lettered.
    """
    with database.begin() as unit:
        payout = store.lock_payout(unit, payout_id)
        if payout is None or payout.state != "confirmed":
            return
        assert payout.paid_on is not None
        bills = store.bills_of_payout(unit, payout.id)
        keys = [f"invoice:{row.number}" for row in bills]
        held = sum(row.amount_cents for row in bills if row.account == "467")
        waiting = sum(entry_balance(unit, key, "44564") for key in keys)
        key = f"payout:{payout.code}"
        lines = payout_lines(payout.amount_cents - held, held, waiting, payout.owner_id)
        day, label = open_day(unit, payout.paid_on), f"Virement propriétaire {payout.code}"
        post(unit, "BQ", day, payout.code, label, lines, key, piece_day=payout.paid_on)
        store.set_state(unit, payout.id, ["confirmed"], "paid")
        keys += [f"payout:{code}:returned" for code in earlier_returns(unit, payout.id)]
        match_settled(unit, "401", payout.owner_id, [*keys, key])
        if held:  # with the order's deposit and our fee, which stand on the same account
            keys += [f"invoice:{row.fee}" for row in bills if row.fee]
            for order_id in {row.order_id for row in bills if row.order_id is not None}:
                keys += invoice_store.entry_keys_of_order(unit, order_id)
            match_settled(unit, "467", payout.owner_id, [*keys, key])
        record(unit, "payout.paid", "payout", payout.code, cents=payout.amount_cents)


def _move(unit: UnitOfWork, payout: Payout, before: list[str], after: str, **values: object) -> None:
    reason = values.pop("reason", None)
    if not store.set_state(unit, payout.id, before, after, **values):
        now = _payout(unit, payout.code).state  # somebody else may have moved it since it was read
        raise Conflict(f"The payout is {now}; this needs one that is {' or '.join(before)}.", code="payout_state")
    detail = {} if reason is None else {"reason": reason}
    record(unit, f"payout.{after}", "payout", payout.code, cents=payout.amount_cents, **detail)


def _refuse_frozen(unit: UnitOfWork, payout: Payout) -> None:
    if freeze_store.frozen(unit, payout.owner_id):
        raise Conflict(
            f"{payout.owner} is frozen: it is not paid until the freeze is ended (courtier organisation thaw).",
            code="org_frozen",
        )


def _payout(unit: UnitOfWork, code: str) -> Payout:
    found = store.payout_by_code(unit, code)
    if found is None:
        raise NotFound(f"There is no payout {code!r}.")
    return found
