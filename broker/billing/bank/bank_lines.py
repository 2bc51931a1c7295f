"""What a bank's line becomes in the books, and where money belongs that waits in suspense."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from broker.audit.record import record
from broker.billing.bank import bank_statement_store as store
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.ledger.model import credit, debit
from broker.ledger.periods import open_day
from broker.ledger.post import post

OF_PARTIES = ("401", "411", "416", "467", "4191", "4197")


def book_bank_line(database: Database, line_id: int) -> None:
    """Book a charge (627) or what nobody knows yet (471), and what was said of it since; once each.

    A line of a closed month is dated today, its piece by the bank's day.
    """
    with database.begin() as unit:
        line = store.line_to_book(unit, line_id)
        if line is None:
            return
        day = open_day(unit, line.booked_on)
        about = (line.about or line.counterparty or "Mouvement bancaire")[:100]
        if line.booked_at is None and line.kind in ("fee", "suspense"):
            other = "627" if line.kind == "fee" else "471"
            lines = [debit("512", line.amount_cents), credit(other, line.amount_cents)]
            post(unit, "BQ", day, line.code, about, lines, f"bank:{line.code}", piece_day=line.booked_on)
            store.line_booked(unit, line_id, "booked_at")
        if line.explained_account is not None and line.explained_at is None:
            cents = line.explained_cents
            lines = [debit("471", cents), credit(line.explained_account, cents, line.explained_org)]
            piece = line.code
            post(unit, "OD", unit.today, piece, f"Régularisation, {about}"[:200], lines, f"bank:{line.code}:explained")
            store.line_booked(unit, line_id, "explained_at")


def explain_line(unit: UnitOfWork, code: str, account: str, party: str = "") -> None:
    """Say to which account the money of a line belongs that waits in suspense: all that is left of it.

    A customer's payment is assigned to its invoice instead (`assign_receipt`), which also moves its VAT.
    Raises `NotFound`, `Conflict` (`nothing_left`), `InvalidInput` (`bad_account`, `party_needed`).
    """
    unit.actor.require("accountant", "broker")
    line = store.line(unit, code)
    if line is None:
        raise NotFound(f"There is no bank line {code!r}.")
    if not line.left_cents or line.explained_account:
        raise Conflict("Nothing of this line waits in suspense.", code="nothing_left")
    if account in ("471", "512", "411") or not store.account_known(unit, account):
        raise InvalidInput(
            f"{account!r} takes no such money: name an account of the chart other than 411, 471 and 512; a payment of"
            " an invoice is assigned to it.",
            code="bad_account",
            field="account",
        )
    org_id = party_on(unit, account, party)
    store.explain(unit, line.id, account, org_id, line.left_cents)
    unit.enqueue("book_bank_line", line.id)
    record(unit, "bank_line.explained", "bank_line", code, account=account, cents=line.left_cents)


def party_on(unit: UnitOfWork, account: str, party: str) -> int | None:
    """The id of the organisation, by its code, whose money stands on an account. Raises `NotFound`, `InvalidInput`
    (`party_needed`) without one on an account that is kept by party."""
    org_id = store.party_id(unit, party) if party else None
    if party and org_id is None:
        raise NotFound(f"There is no organisation {party!r}.", field="party")
    if account in OF_PARTIES and org_id is None:
        raise InvalidInput(f"The account {account} needs its party.", code="party_needed", field="party")
    return org_id


def suspense_lines(unit: UnitOfWork) -> list[Row[Any]]:
    """Lines of which something waits."""
    unit.actor.require("accountant", "broker")
    return store.suspense(unit)


def list_statements(unit: UnitOfWork) -> list[Row[Any]]:
    """Statements that were read, the newest first."""
    unit.actor.require("accountant", "broker")
    return store.statements(unit)


def read_statement(unit: UnitOfWork, code: str) -> tuple[Row[Any], list[Row[Any]]]:
    """A statement and its lines."""
    unit.actor.require("accountant", "broker")
    found = store.statements(unit, code)
    if not found or not code:
        raise NotFound(f"There is no bank statement {code!r}.")
    return found[0], store.lines(unit, code)
