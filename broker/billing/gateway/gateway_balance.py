"""Read the gateway's balance line by line, book what is the gateway's own, and say what a line nobody knows is."""

from __future__ import annotations

from datetime import date, timedelta

from broker.audit.record import record
from broker.billing.bank import bank_statement_store as bank
from broker.billing.bank.bank_lines import party_on
from broker.billing.gateway import connect_store
from broker.billing.gateway import gateway_line_store as store
from broker.billing.gateway.gateway import Gateway
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.ledger.model import credit, debit
from broker.ledger.periods import open_day
from broker.ledger.post import post

START = date(2020, 1, 1)  # a first reading reads all
OWN_FEES = ("stripe_fee", "stripe_fx_fee")


def ask_reading(unit: UnitOfWork) -> None:
    """Have the balance read; one reading at a time waits."""
    if store.open_reading(unit) is None:
        reading = store.insert_reading(unit, new_code("gwr"))
        unit.enqueue("read_gateway", reading)


def ask_reading_now(unit: UnitOfWork) -> None:
    """A person asks for a reading."""
    unit.actor.require("accountant", "broker")
    ask_reading(unit)
    record(unit, "gateway.reading_asked", "gateway_reading", "balance")


def read_gateway(database: Database, gateway: Gateway, reading_id: int) -> None:
    """Read the lines since the oldest that may still change, and the balance; called again it changes nothing.

    A line of a payment of ours that its event never told of has that payment read again: no event needs to arrive.
    """
    with database.begin() as unit:
        if store.is_read(unit, reading_id):
            return
        since = store.waiting_since(unit)
    found = gateway.read_lines(START if since is None else since - timedelta(days=3))
    balance = gateway.read_balance()
    with database.begin() as unit:
        new = store.insert(unit, found)
        for line_id, line in new:
            if line.kind in OWN_FEES:
                unit.enqueue("book_gateway_line", line_id)
        about = {line.payment for _, line in new if line.payment}
        for row in store.payments_to_read(unit, sorted(about)):
            unit.enqueue("book_payment" if row.state in ("pending", "processing") else "book_card_money", row.id)
        for account_id in connect_store.accounts_to_read(unit):  # what stands there changes without an event of ours
            unit.enqueue("read_connect", account_id)
        store.done_reading(unit, reading_id, balance, len(new))


def explain_gateway_line(unit: UnitOfWork, code: str, account: str, party: str = "") -> None:
    """Say to which account a line of the balance belongs that nothing of ours made; a worker books it.

    Raises `NotFound`, `Conflict` (`line_known`) for one that has its place, `InvalidInput` (`bad_account`,
    `party_needed`).
    """
    unit.actor.require("accountant", "broker")
    line = store.line(unit, code)
    if line is None:
        raise NotFound(f"There is no line {code!r} of the gateway's balance.")
    if line.side or line.kind in OWN_FEES:
        raise Conflict(f"The line {code} has its place in the books.", code="line_known")
    if account == "512" or not bank.account_known(unit, account):
        raise InvalidInput(
            f"{account!r} takes no such money: name an account of the chart other than 512, where the balance stands.",
            code="bad_account",
            field="account",
        )
    org_id = party_on(unit, account, party)
    store.explain(unit, line.id, account, org_id)
    unit.enqueue("book_gateway_line", line.id)
    record(unit, "gateway_line.explained", "gateway_line", code, account=account)


def book_gateway_line(database: Database, line_id: int) -> None:
    """Book a charge of the gateway's own (627), or a line that somebody explained; once."""
    with database.begin() as unit:
        row = store.line_to_book(unit, line_id)
        if row is None or row.booked_at is not None:
            return
        account = row.explained_account or ("627" if row.kind in OWN_FEES else None)
        if account is None:
            return
        label = "Frais de la passerelle" if row.kind in OWN_FEES else f"Mouvement de la passerelle ({row.kind})"
        lines = [debit("512", row.net_cents), credit(account, row.net_cents, row.explained_org)]
        day = open_day(unit, row.moved_on)
        post(unit, "BQ", day, row.code, label, lines, f"gateway_line:{row.code}", piece_day=row.moved_on)
        store.booked(unit, line_id)
        record(unit, "gateway_line.booked", "gateway_line", row.code, cents=row.net_cents, account=account)
