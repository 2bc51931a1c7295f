"""What banks and gateways charge (627)."""

from __future__ import annotations

from datetime import date

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.ledger.model import Entry, credit, debit
from broker.ledger.post import post


def book_fee(unit: UnitOfWork, cents: int, day: date, reference: str, label: str = "") -> Entry:
    """Book a charge taken from the bank account, once for each reference of the bank. French VAT does not apply to it
    (CGI art. 261 C, 1°); a negative amount is one given back."""
    unit.actor.require("accountant", "broker")
    if not cents:
        raise InvalidInput("A charge has an amount.", code="bad_amount", field="amount")
    if not 1 <= len(reference.strip()) <= 140:
        raise InvalidInput("Give the bank's reference (140 letters at most).", code="bad_reference", field="reference")
    if day > unit.today:
        raise InvalidInput("A charge cannot have been taken in the future.", code="bad_day", field="day")
    text = " ".join(label.split())[:200] or "Frais bancaires"
    entry = post(
        unit,
        "BQ",
        day,
        reference.strip(),
        text,
        [debit("627", cents), credit("512", cents)],
        f"fee:{reference.strip()}",
    )
    record(unit, "fee.booked", "ledger_entry", str(entry.number), cents=cents)
    return entry
