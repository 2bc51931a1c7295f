"""The PDF of an invoice, in the customer's language: a page for people, a structured file inside for machines."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from importlib import resources
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from broker.billing.facturx_xml import facturx_xml
from broker.billing.facturx_xmp import facturx_xmp
from broker.billing.model import PAYABLE
from broker.billing.paper import Paper
from broker.kernel.money import format_cents

_FONT = "Source Sans 3"
_FOLDER = Path(str(resources.files("broker.billing"))) / "data" / "fonts"  # brought by the build hook
_FONTS = {"": "source-sans-3-regular.ttf", "B": "source-sans-3-bold.ttf"}
_WORDS: dict[str, dict[str, str]] = {
    "fr": {
        "colon": " :",
        "invoice": "Facture",
        "deposit": "Facture d'acompte",
        "self_bill": "Facture (autofacturation)",
        "credit_note": "Avoir",
        "owner_invoice": "Facture",
        "fee": "Facture de commission",
        "owner_credit": "Avoir",
        "issued": "Date d'émission",
        "due": "Date d'échéance",
        "supplied": "Date de la prestation",
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
        "refers": "Se rapporte à la facture",
    },
    "en": {
        "colon": ":",
        "invoice": "Invoice",
        "deposit": "Deposit invoice",
        "self_bill": "Invoice (self-billed)",
        "credit_note": "Credit note",
        "owner_invoice": "Invoice",
        "fee": "Commission invoice",
        "owner_credit": "Credit note",
        "issued": "Date of issue",
        "due": "Due date",
        "supplied": "Date of supply",
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
        "refers": "Relates to invoice",
    },
}


class _Document(FPDF):
    """Letters that the font does not hold (Latin, Greek, Cyrillic) become question marks: PDF/A allows no gap."""

    def normalize_text(self, text: str) -> str:
        """Called by the library for every text that is printed."""
        plain: str = super().normalize_text(text)
        held = getattr(self.current_font, "cmap", None)
        return plain if held is None else "".join(char if ord(char) in held else "?" for char in plain)


def invoice_pdf(paper: Paper) -> bytes:
    """The document as bytes: PDF/A-3u with `factur-x.xml` inside."""
    words = _WORDS[paper.language]
    title = f"{words[paper.kind]} {paper.number}"
    pdf = _Document(format="A4", enforce_compliance="PDF/A-3U")
    for style, file in _FONTS.items():
        pdf.add_font(_FONT, style, str(_FOLDER / file))
    pdf.set_title(title)
    pdf.set_lang("fr-FR" if paper.language == "fr" else "en-GB")
    at = datetime.combine(paper.issued_on, time(), tzinfo=UTC)
    pdf.set_creation_date(at)
    pdf.set_xmp_metadata(facturx_xmp(title, paper.seller.name, at))
    pdf.embed_file(
        bytes=facturx_xml(paper),
        basename="factur-x.xml",
        mime_type="text/xml",
        modification_date=at,
        associated_file_relationship="Alternative",
        desc="Factur-X",
        compress=True,
    )
    pdf.set_margin(18)
    pdf.add_page()
    pdf.set_font(_FONT, "B", 18)
    _row(pdf, title, 12)
    pdf.set_font(_FONT, "", 10)
    _row(pdf, f"{words['issued']}{words['colon']} {_day(paper.issued_on, paper.language)}")
    _row(pdf, f"{words['due']}{words['colon']} {_day(paper.due_on, paper.language)}")
    if paper.supplied_on is not None:
        _row(pdf, f"{words['supplied']}{words['colon']} {_day(paper.supplied_on, paper.language)}")
    if paper.refers is not None:
        _row(pdf, f"{words['refers']} {paper.refers.number} ({_day(paper.refers.issued_on, paper.language)})")
    pdf.ln(4)
    _parties(pdf, paper, words)
    _lines(pdf, paper, words)
    _totals(pdf, paper, words)
    pdf.ln(6)
    pdf.set_font(_FONT, "", 8)
    if paper.iban and paper.kind in PAYABLE and paper.paid_cents < paper.total_cents:
        _row(pdf, f"IBAN{words['colon']} {paper.iban}  {paper.bic}".rstrip())
    for note in paper.notes:
        pdf.multi_cell(0, 4, note.text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    return bytes(pdf.output())


def _parties(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    top = bottom = pdf.get_y()
    for column, (title, party) in enumerate((("seller", paper.seller), ("buyer", paper.buyer))):
        left = 18 + column * 90
        pdf.set_xy(left, top)
        pdf.set_font(_FONT, "B", 10)
        pdf.multi_cell(85, 5, words[title], new_x=XPos.LEFT, new_y=YPos.NEXT)
        pdf.set_font(_FONT, "", 10)
        rows = [party.name, party.street, party.place, party.country]
        rows += [f"{words['siren']}{words['colon']} {party.siren}"] if party.siren else []
        rows += [f"{words['vat_number']}{words['colon']} {party.vat_number}"] if party.vat_number else []
        for text in rows:
            if text:
                pdf.set_x(left)
                pdf.multi_cell(85, 5, text, new_x=XPos.LEFT, new_y=YPos.NEXT)
        bottom = max(bottom, pdf.get_y())
    pdf.set_xy(18, bottom + 8)


def _lines(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    pdf.set_font(_FONT, "", 9)
    with pdf.table(col_widths=(100, 30, 44), text_align=("LEFT", "RIGHT", "RIGHT"), line_height=6) as table:
        table.row([words["label"], words["quantity"], words["amount"]])
        for line in paper.lines:
            table.row(
                [
                    line.label,
                    _count(line.quantity, paper.language),
                    format_cents(line.net_cents, paper.language),
                ]
            )
    pdf.ln(4)


def _totals(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    total = paper.total_cents
    rate = f"{paper.vat_bp // 100}.{paper.vat_bp % 100:02d}".rstrip("0").rstrip(".")
    rate = rate.replace(".", ",") if paper.language == "fr" else rate
    rows = [
        (words["net"], paper.net_cents),
        (f"{words['vat']} {rate} %", paper.vat_cents),
        (words["total"], total),
    ]
    if paper.kind in PAYABLE:
        if paper.paid_cents:
            rows.append((words["deposit_line"], -paper.paid_cents))
        rows.append((words["left"], total - paper.paid_cents))
    pdf.set_font(_FONT, "", 10)
    for label, cents in rows:
        pdf.cell(130, 6, label, align="R")
        pdf.cell(0, 6, format_cents(cents, paper.language), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _row(pdf: Any, text: str, height: int = 5) -> None:
    pdf.cell(0, height, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _day(day: date, language: str) -> str:
    return f"{day:%d/%m/%Y}" if language == "fr" else day.isoformat()


def _count(number: int, language: str) -> str:
    grouped = f"{number:,}"
    return grouped.replace(",", "\u00a0") if language == "fr" else grouped
