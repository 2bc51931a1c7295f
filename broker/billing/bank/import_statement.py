"""Read a bank's file: each line once, credits on the invoices they pay, payouts confirmed, the rest in suspense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import Any

from sqlalchemy import Row

from broker.audit.record import record
from broker.billing.bank import bank_statement_store as store
from broker.billing.bank.bank_accounts import checked_iban
from broker.billing.bank.bank_csv import read_bank_csv
from broker.billing.bank.bank_file import FileLine, FileStatement
from broker.billing.bank.camt053 import read_camt053
from broker.billing.bank.match_bank import OpenInvoice, match_credit
from broker.billing.bank.payouts import confirm_payout
from broker.billing.bank.return_payout import take_return
from broker.billing.gateway import transfer_store
from broker.billing.gateway.refund_store import refund as find_refund
from broker.billing.gateway.send_refund import return_transfer
from broker.billing.invoices.receipts import assign_receipt, receive_transfer
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings

LARGEST_FILE = 50 * 1024 * 1024  # a page and the API take 6 MB
_GATEWAYS = ("STRIPE",)


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What a file brought: statements (their codes), lines by what became of them, cents that wait in suspense.

    `payouts` left, refunds by transfer among them; `returned` came back.
    """

    statements: tuple[str, ...]
    new: int
    known: int
    matched: int
    payouts: int
    suspense: int
    suspense_cents: int
    returned: int = 0


def import_statement(
    unit: UnitOfWork, settings: Settings, data: bytes, columns: Mapping[str, str] | None = None
) -> ImportResult:
    """Read a camt.053 or CSV file of the company's account; the same file again changes nothing.

    Raises `InvalidInput`: `bad_statement`, `statement_unbalanced`, `other_account`, `no_iban`. Then nothing was read.
    """
    unit.actor.require("accountant", "broker")
    if not settings.company.iban:
        raise InvalidInput("Set company.iban: the account that statements are of.", code="no_iban", field="file")
    iban = checked_iban(settings.company.iban)
    if not data.strip() or len(data) > LARGEST_FILE:
        raise InvalidInput("Send a file of at most 50 MB that is not empty.", code="bad_statement", field="file")
    if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        found = read_camt053(data)
    else:
        found = [read_bank_csv(data, iban, columns)]
    store.lock_account(unit, iban)
    counts: Counter[str] = Counter()
    open_now = _Open(unit)
    codes = [_read(unit, iban, told, counts, open_now) for told in found]
    return ImportResult(
        tuple(codes),
        counts["new"],
        counts["known"],
        counts["matched"],
        counts["payouts"],
        counts["suspense"],
        counts["suspense_cents"],
        counts["returned"],
    )


def _read(unit: UnitOfWork, iban: str, told: FileStatement, counts: Counter[str], open_now: _Open) -> str:
    if told.iban != iban:
        raise InvalidInput(
            f"Statement {told.reference} is of the account {told.iban[:4]} … {told.iban[-4:]}, not of the company's"
            " (company.iban).",
            code="other_account",
            field="file",
        )
    fresh = _fresh(unit, told)
    counts["known"] += len(told.lines) - len(fresh)
    before = store.known_statement(unit, iban, told.reference)
    if before is not None and not fresh:
        return before
    # A corrected statement bears the id of the first one: what is new in it joins that.
    code = new_code("stmt") if before is None else before
    statement_id = store.insert_statement(unit, code, told) if before is None else store.statement_id(unit, before)
    for line in fresh:
        counts["new"] += 1
        _take(unit, statement_id, iban, line, counts, open_now)
    action = "statement.imported" if before is None else "statement.corrected"
    record(unit, action, "bank_statement", code, lines=len(fresh), known=len(told.lines) - len(fresh))
    return code


class _Open:
    """What waits for money, read once and kept up with what each line takes of it: a file may have 10,000 lines."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    @cached_property
    def today(self) -> date:
        """The legal day."""
        return self._unit.today

    @cached_property
    def invoices(self) -> dict[str, OpenInvoice]:
        """Open invoices by their numbers, the oldest first."""
        return {found.number: found for found in store.open_invoices(self._unit)}

    @cached_property
    def sent(self) -> list[Row[Any]]:
        """Transfers of ours that no statement shows yet."""
        return transfer_store.sent(self._unit)

    @cached_property
    def _buyers(self) -> dict[str, set[int]]:
        return store.buyers_by_iban(self._unit)

    def payer(self, iban: str) -> int | None:
        """Whose an account is by the invoices it paid; None where none is known, or they are of several customers."""
        buyers = self._buyers.get(iban, set())
        return next(iter(buyers)) if len(buyers) == 1 else None

    def paid(self, number: str, cents: int, iban: str) -> None:
        """So much of an invoice was paid from an account."""
        invoice = self.invoices[number]
        if cents < invoice.open_cents:
            self.invoices[number] = replace(invoice, open_cents=invoice.open_cents - cents)
        else:
            del self.invoices[number]
        self.belongs(iban, [invoice.buyer_id])

    def belongs(self, iban: str, buyers: Iterable[int]) -> None:
        """Invoices of these customers were paid from an account; a line may not say from which."""
        if iban:
            self._buyers.setdefault(iban, set()).update(buyers)

    def shown(self, what: str, transfer_id: int) -> None:
        """A statement shows this transfer."""
        self.sent[:] = [row for row in self.sent if (row.what, row.id) != (what, transfer_id)]


def _fresh(unit: UnitOfWork, told: FileStatement) -> list[FileLine]:
    """Lines that no earlier file brought: neither by their reference nor, from the other kind of file, by day and
    amount (a CSV and a camt.053 of one month name the same line differently)."""
    known = store.known_references(unit, told.iban, [line.reference for line in told.lines])
    twins = Counter({(row.booked_on, row.amount_cents): row.number for row in store.told_otherwise(unit, told)})
    fresh = []
    for line in told.lines:
        if line.reference in known:
            continue
        if twins[line.booked_on, line.cents] > 0:
            twins[line.booked_on, line.cents] -= 1
            continue
        fresh.append(line)
    return fresh


def _take(
    unit: UnitOfWork, statement_id: int, iban: str, line: FileLine, counts: Counter[str], open_now: _Open
) -> None:
    if line.booked_on > open_now.today:
        raise InvalidInput(f"A line is dated {line.booked_on}: in the future.", code="bad_statement", field="file")
    code = new_code("line")
    if line.cents > 0 and _came_back(unit, code, statement_id, iban, line, open_now):
        counts["returned"] += 1
        return
    if line.cents > 0:
        kind, hint, receipt_id, waits = _credit(unit, line, open_now)
        counts["matched"] += kind == "receipt" and not waits
        counts["suspense"] += bool(waits)
        counts["suspense_cents"] += waits
        line_id = store.insert_line(unit, code, statement_id, iban, line, kind, hint, receipt_id)
    else:
        paid = _sent(line, open_now.sent)
        kinds = {row.what for row in paid}
        kind = kinds.pop() if len(kinds) == 1 else "payout" if kinds else "fee" if line.charge else "suspense"
        line_id = store.insert_line(
            unit, code, statement_id, iban, line, kind, "" if kind != "suspense" else "debit", None
        )
        for row in paid:
            open_now.shown(row.what, row.id)
            if row.what == "refund":
                transfer_store.show_refund(unit, row.id, line_id, line.booked_on)
                unit.enqueue("book_refund", row.id)
                continue
            if row.state == "exported":
                confirm_payout(unit, row.code, line.booked_on)
            store.show_payout(unit, row.id, line_id)
        counts["payouts"] += len(paid)
        counts["suspense"] += kind == "suspense"
        counts["suspense_cents"] += line.cents if kind == "suspense" else 0
    if kind in ("fee", "suspense"):
        unit.enqueue("book_bank_line", line_id)


def _credit(unit: UnitOfWork, line: FileLine, open_now: _Open) -> tuple[str, str, int | None, int]:
    """(kind, hint, receipt, cents that wait) of money that came in; its receipt is taken down and its job asked for."""
    if any(name in line.counterparty.upper() for name in _GATEWAYS):
        return "gateway", "", None, 0
    if line.returned:
        return _waiting(unit, line, f"returned:{line.end_to_end_id}" if line.end_to_end_id else "returned")
    found = match_credit(line, open_now.invoices.values(), open_now.payer(line.counterparty_iban))
    by_hand = [
        row for row in store.receipts_by_hand(unit, line)
        if row.reference == line.reference or not found.invoices or not row.numbers
        or set(row.numbers) & set(found.invoices)
    ]  # fmt: skip
    if by_hand:
        open_now.belongs(line.counterparty_iban, by_hand[0].buyers)
        return "receipt", "by_hand", int(by_hand[0].id), 0
    if not found.invoices:
        return _waiting(unit, line, found.hint)
    receipt = receive_transfer(unit, line.cents, line.booked_on, line.reference, line.counterparty, found.invoices[0])
    left = receipt.left_cents
    open_now.paid(found.invoices[0], line.cents - left, line.counterparty_iban)
    for number in found.invoices[1:]:
        if left > 0:
            before, left = left, assign_receipt(unit, receipt.code, number).left_cents
            open_now.paid(number, before - left, line.counterparty_iban)
    return "receipt", "overpaid" if left else "", receipt.id, left


def _waiting(unit: UnitOfWork, line: FileLine, hint: str) -> tuple[str, str, int | None, int]:
    receipt = receive_transfer(unit, line.cents, line.booked_on, line.reference, line.counterparty)
    return "receipt", hint, receipt.id, line.cents


def _sent(line: FileLine, sent: Sequence[Row[Any]]) -> list[Row[Any]]:
    """The transfers that left with a debit: the one it names, or the whole of a file of ours."""
    one = [row for row in sent if row.end_to_end_id == line.end_to_end_id and row.amount_cents == -line.cents]
    if not one:
        files = {row.file for row in sent if row.file and (row.file in line.references or row.file in line.about)}
        batch = [row for row in sent if row.file in files]
        one = batch if batch and sum(row.amount_cents for row in batch) == -line.cents else []
    return one


def _came_back(unit: UnitOfWork, code: str, statement_id: int, iban: str, line: FileLine, open_now: _Open) -> bool:
    """Whether a credit is a transfer of ours that the bank sent back: then that is undone, and nothing waits."""
    found = transfer_store.returnable(unit, line.end_to_end_id, line.cents) if line.end_to_end_id else None
    if found is None or not (line.returned or found.state in ("confirmed", "paid")):
        return False
    line_id = store.insert_line(unit, code, statement_id, iban, line, "return", "", None)
    if found.what == "payout":
        take_return(unit, found.id, found.code, line.booked_on, line.reason)
        transfer_store.show_return(unit, found.id, line_id)
        return True
    refund = find_refund(unit, found.code)
    assert refund is not None  # it was found above
    return_transfer(unit, refund, line.reason or "returned", line_id, line.booked_on)
    open_now.shown("refund", refund.id)
    return True
