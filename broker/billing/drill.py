"""Walk from an invoice line down to its sends, and from a send up to the lines that bill it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.billing import report_store as store
from broker.billing.invoices.find_invoice import find_invoice
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.paging import Page, offset


@dataclass(frozen=True, slots=True)
class BilledSend:
    """One send behind a line, named by its place in the mailing; who received it stays in the vault.

    How the price is split is None for an advertiser.
    """

    position: int
    outcome_at: datetime
    gross_micros: int
    owner_micros: int | None
    commission_micros: int | None


def sends_of_line(unit: UnitOfWork, number: str, line: int, page: int = 1, size: int = 100) -> Page[BilledSend]:
    """The sends that an invoice line stands for; their micros sum to the line's, rounded to cents once.

    A line without a mailing (a deposit) stands for none.
    """
    invoice = find_invoice(unit, number)
    if line not in {item.line for item in invoice.lines}:
        raise NotFound(f"The invoice {number} has no line {line}.")
    rows = store.billed_sends(unit, number, line, size, offset(page, size))
    sends = [BilledSend(**row._mapping) for row in rows]
    return Page(sends, store.count_billed(unit, number, line), page, size)


def lines_of_send(unit: UnitOfWork, mailing_code: str, position: int) -> list[tuple[str, int]]:
    """(invoice number, line) of the documents that bill a send: none for one that bounced, or was never accepted."""
    return [(row.number, row.line) for row in store.lines_of_send(unit, mailing_code, position)]
