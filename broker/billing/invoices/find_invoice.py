"""Find documents that the actor is a party of."""

from __future__ import annotations

from broker.billing.invoices import invoice_store as store
from broker.billing.model import Invoice
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound
from broker.kernel.paging import Page, offset


def find_invoice(unit: UnitOfWork, number: str) -> Invoice:
    """A document with its lines."""
    found = store.invoice_by_number(unit, number)
    if found is None:
        raise NotFound(f"There is no invoice {number!r}.")
    return found


def invoice_file(unit: UnitOfWork, number: str) -> bytes:
    """The PDF of a document, as issued."""
    found = store.pdf_of(unit, number)
    if found is None:
        raise NotFound(f"There is no invoice {number!r}.")
    return found


def list_invoices(unit: UnitOfWork, page: int = 1, size: int = 50) -> Page[Invoice]:
    """The actor's documents without their lines, the newest first; all of them for broker and accountant."""
    return Page(store.invoices_page(unit, size, offset(page, size)), store.count_invoices(unit), page, size)
