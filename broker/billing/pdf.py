"""The PDF of an invoice: one page, in the customer's language.

PDF's own fonts are used, which hold the letters of Western Europe (Windows-1252); other letters are written without
their accents. Factur-X (PDF/A-3) needs an embedded font and comes with it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from broker.billing.model import InvoiceKind, InvoiceLine
from broker.kernel.money import format_cents

_ENCODING = "windows-1252"
_WORDS: dict[str, dict[str, str]] = {
    "fr": {
        "colon": " :",
        "invoice": "Facture",
        "deposit": "Facture d'acompte",
        "self_bill": "Facture (autofacturation)",
        "credit_note": "Avoir",
        "issued": "Date d'émission",
        "due": "Date d'échéance",
        "seller": "Vendeur",
        "buyer": "Client",
        "siren": "SIREN",
        "vat_number": "N° de TVA",
        "label": "Désignation",
        "quantity": "Quantité",
        "amount": "Montant HT",
        "net": "Total HT",
        "vat": "TVA",
        "total": "Total TTC",
        "deposit_line": "Acompte déduit",
        "left": "Net à payer",
        "corrects": "Se rapporte à la facture",
    },
    "en": {
        "colon": ":",
        "invoice": "Invoice",
        "deposit": "Deposit invoice",
        "self_bill": "Invoice (self-billed)",
        "credit_note": "Credit note",
        "issued": "Date of issue",
        "due": "Due date",
        "seller": "Seller",
        "buyer": "Customer",
        "siren": "SIREN",
        "vat_number": "VAT number",
        "label": "Description",
        "quantity": "Quantity",
        "amount": "Net amount",
        "net": "Total net",
        "vat": "VAT",
        "total": "Total including VAT",
        "deposit_line": "Deposit deducted",
        "left": "Amount due",
        "corrects": "Relates to invoice",
    },
}


@dataclass(frozen=True, slots=True)
class PaperParty:
    """Seller or buyer, as printed."""

    name: str
    street: str
    place: str
    country: str
    siren: str
    vat_number: str


@dataclass(frozen=True, slots=True)
class Paper:
    """Everything that is printed on a document; amounts in cents, the rate in basis points."""

    kind: InvoiceKind
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
    deposit_cents: int
    corrects: str
    mentions: tuple[str, ...]


def invoice_pdf(paper: Paper) -> bytes:
    """The document as PDF bytes."""
    words = _WORDS[paper.language]
    pdf = FPDF(format="A4")
    pdf.core_fonts_encoding = _ENCODING
    pdf.set_title(f"{words[paper.kind]} {paper.number}")
    pdf.set_margin(18)
    pdf.add_page()
    pdf.set_font("Helvetica", "B", 18)
    _row(pdf, f"{words[paper.kind]} {paper.number}", 12)
    pdf.set_font("Helvetica", "", 10)
    _row(pdf, f"{words['issued']}{words['colon']} {_day(paper.issued_on, paper.language)}")
    _row(pdf, f"{words['due']}{words['colon']} {_day(paper.due_on, paper.language)}")
    if paper.corrects:
        _row(pdf, f"{words['corrects']} {paper.corrects}")
    pdf.ln(4)
    _parties(pdf, paper, words)
    _lines(pdf, paper, words)
    _totals(pdf, paper, words)
    pdf.ln(6)
    pdf.set_font("Helvetica", "", 8)
    for text in paper.mentions:
        pdf.multi_cell(0, 4, printable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    return bytes(pdf.output())


def printable(text: str) -> str:
    """The text in letters that the fonts hold; others lose their accents, and what is left becomes a question mark."""
    out = []
    for letter in text.replace("\u202f", "\u00a0"):
        try:
            letter.encode(_ENCODING)
        except UnicodeEncodeError:
            plain = unicodedata.normalize("NFKD", letter).encode(_ENCODING, "ignore").decode(_ENCODING)
            out.append(plain or "?")
        else:
            out.append(letter)
    return "".join(out)


def _parties(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    top = bottom = pdf.get_y()
    for column, (title, party) in enumerate((("seller", paper.seller), ("buyer", paper.buyer))):
        left = 18 + column * 90
        pdf.set_xy(left, top)
        pdf.set_font("Helvetica", "B", 10)
        pdf.multi_cell(85, 5, words[title], new_x=XPos.LEFT, new_y=YPos.NEXT)
        pdf.set_font("Helvetica", "", 10)
        rows = [party.name, party.street, party.place, party.country]
        rows += [f"{words['siren']}{words['colon']} {party.siren}"] if party.siren else []
        rows += [f"{words['vat_number']}{words['colon']} {party.vat_number}"] if party.vat_number else []
        for text in rows:
            if text:
                pdf.set_x(left)
                pdf.multi_cell(85, 5, printable(text), new_x=XPos.LEFT, new_y=YPos.NEXT)
        bottom = max(bottom, pdf.get_y())
    pdf.set_xy(18, bottom + 8)


def _lines(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    pdf.set_font("Helvetica", "", 9)
    with pdf.table(col_widths=(100, 30, 44), text_align=("LEFT", "RIGHT", "RIGHT"), line_height=6) as table:
        table.row([words["label"], words["quantity"], words["amount"]])
        for line in paper.lines:
            table.row(
                [
                    printable(line.label),
                    _count(line.quantity, paper.language),
                    printable(format_cents(line.net_cents, paper.language)),
                ]
            )
    pdf.ln(4)


def _totals(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    total = paper.net_cents + paper.vat_cents
    rate = f"{paper.vat_bp // 100}.{paper.vat_bp % 100:02d}".rstrip("0").rstrip(".")
    rate = rate.replace(".", ",") if paper.language == "fr" else rate
    rows = [
        (words["net"], paper.net_cents),
        (f"{words['vat']} {rate} %", paper.vat_cents),
        (words["total"], total),
    ]
    if paper.kind == "invoice":
        if paper.deposit_cents:
            rows.append((words["deposit_line"], -paper.deposit_cents))
        rows.append((words["left"], total - paper.deposit_cents))
    pdf.set_font("Helvetica", "", 10)
    for label, cents in rows:
        pdf.cell(130, 6, printable(label), align="R")
        pdf.cell(0, 6, printable(format_cents(cents, paper.language)), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _row(pdf: Any, text: str, height: int = 5) -> None:
    pdf.cell(0, height, printable(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _day(day: date, language: str) -> str:
    return f"{day:%d/%m/%Y}" if language == "fr" else day.isoformat()


def _count(number: int, language: str) -> str:
    grouped = f"{number:,}"
    return grouped.replace(",", "\u00a0") if language == "fr" else grouped
