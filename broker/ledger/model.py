"""Rows of the ledger and the rules that need no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from broker.kernel.errors import IntegrityFault

Journal = Literal["VE", "AC", "BQ", "OD", "AN"]


@dataclass(frozen=True, slots=True)
class Line:
    """One posting: an amount of cents on one side of an account; `org_id` is its customer or supplier."""

    account: str
    debit_cents: int = 0
    credit_cents: int = 0
    org_id: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A validated entry. `number` is unbroken over the whole ledger, in the order of validation."""

    id: int
    journal: str
    number: int
    day: date
    piece_ref: str
    piece_day: date
    label: str
    currency: str
    validated_at: datetime
    reverses: int | None = None
    lines: tuple[Line, ...] = field(default=())


def debit(account: str, cents: int, org_id: int | None = None) -> Line:
    """A debit; a negative amount stands on the other side, since no posting is negative."""
    return Line(account, cents, 0, org_id) if cents >= 0 else Line(account, 0, -cents, org_id)


def credit(account: str, cents: int, org_id: int | None = None) -> Line:
    """A credit; a negative amount stands on the other side."""
    return debit(account, -cents, org_id) if cents < 0 else Line(account, 0, cents, org_id)


def checked(lines: Sequence[Line]) -> list[Line]:
    """Lines without the zero ones; refuses what does not balance or has no amount at all.

    The database refuses the same at commit; here the fault is found where it was made.
    """
    kept = [line for line in lines if line.debit_cents or line.credit_cents]
    if any(min(line.debit_cents, line.credit_cents) < 0 for line in kept):
        raise IntegrityFault("A posting is negative.", code="entry_unbalanced")
    if any(line.debit_cents and line.credit_cents for line in kept):
        raise IntegrityFault("A posting stands on both sides.", code="entry_unbalanced")
    debits = sum(line.debit_cents for line in kept)
    credits_ = sum(line.credit_cents for line in kept)
    if debits != credits_ or not debits:
        raise IntegrityFault(
            f"The entry does not balance: debit {debits}, credit {credits_} cents.", code="entry_unbalanced"
        )
    return kept


def mirrored(lines: Sequence[Line]) -> list[Line]:
    """The same postings with their sides exchanged: a reversal."""
    return [Line(line.account, line.credit_cents, line.debit_cents, line.org_id) for line in lines]
