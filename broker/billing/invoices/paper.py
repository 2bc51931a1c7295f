"""What a document says, before it becomes a page (pdf.py) and a structured file (facturx_xml.py)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.billing.model import InvoiceKind, InvoiceLine
from broker.ledger.vat import Regime


@dataclass(frozen=True, slots=True)
class PaperParty:
    """Seller or buyer, as printed. `country` is ISO 3166 alpha-2."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    siren: str
    vat_number: str

    @property
    def place(self) -> str:
        """Post code and town on one line."""
        return f"{self.postcode} {self.city}".strip()


@dataclass(frozen=True, slots=True)
class Note:
    """A mention and its subject code (UNTDID 4451), by which a machine tells what it is about."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Reference:
    """An earlier document: what a credit note corrects, or the deposit that an invoice deducts."""

    number: str
    issued_on: date


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that stands on a document; amounts in cents, the rate in basis points.

    `supplied_on` is the day on which the mailing ended, none before there was one. `paid_cents` was paid before the
    issue; `iban` is where the rest is to be paid, if there is such an account.
    `purchase_order` is the buyer's own number of the order (EN 16931, BT-13).
    """

    kind: InvoiceKind
    type_code: int
    number: str
    language: str
    issued_on: date
    due_on: date
    seller: PaperParty
    buyer: PaperParty
    lines: tuple[InvoiceLine, ...]
    net_cents: int
    vat_bp: int
    vat_cents: int
    regime: Regime
    vat_on_debits: bool
    paid_cents: int
    refers: Reference | None
    notes: tuple[Note, ...]
    supplied_on: date | None = None
    iban: str = ""
    bic: str = ""
    purchase_order: str = ""

    @property
    def total_cents(self) -> int:
        """VAT included."""
        return self.net_cents + self.vat_cents
