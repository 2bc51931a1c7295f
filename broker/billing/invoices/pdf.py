"""The PDF of an invoice, in the customer's language: a page for people, a structured file inside for machines."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from fpdf.enums import XPos, YPos

from broker.billing.invoices.facturx_xml import facturx_xml
from broker.billing.invoices.facturx_xmp import facturx_xmp
from broker.billing.invoices.paper import Paper
from broker.billing.model import PAYABLE
from broker.kernel.money import format_cents
from broker.kernel.sheet import FONT, count_text, day_text, rate_text, row, start, two_columns

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
        "purchase_order": "Votre référence de commande",
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
        "purchase_order": "Your purchase order",
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


def invoice_pdf(paper: Paper) -> bytes:
    """The document as bytes: PDF/A-3u with `factur-x.xml` inside."""
    words = _WORDS[paper.language]
    title = f"{words[paper.kind]} {paper.number}"
    at = datetime.combine(paper.issued_on, time(), tzinfo=UTC)
    pdf = start(title, paper.language, at)
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
    row(pdf, f"{words['issued']}{words['colon']} {day_text(paper.issued_on, paper.language)}")
    row(pdf, f"{words['due']}{words['colon']} {day_text(paper.due_on, paper.language)}")
    if paper.supplied_on is not None:
        row(pdf, f"{words['supplied']}{words['colon']} {day_text(paper.supplied_on, paper.language)}")
    if paper.purchase_order:
        row(pdf, f"{words['purchase_order']}{words['colon']} {paper.purchase_order}")
    if paper.refers is not None:
        row(pdf, f"{words['refers']} {paper.refers.number} ({day_text(paper.refers.issued_on, paper.language)})")
    pdf.ln(4)
    _parties(pdf, paper, words)
    _lines(pdf, paper, words)
    _totals(pdf, paper, words)
    pdf.ln(6)
    pdf.set_font(FONT, "", 8)
    if paper.iban and paper.kind in PAYABLE and paper.paid_cents < paper.total_cents:
        row(pdf, f"IBAN{words['colon']} {paper.iban}  {paper.bic}".rstrip())
    for note in paper.notes:
        pdf.multi_cell(0, 4, note.text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    return bytes(pdf.output())


def _parties(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    columns = []
    for title, party in (("seller", paper.seller), ("buyer", paper.buyer)):
        rows = [party.name, party.street, party.place, party.country]
        rows += [f"{words['siren']}{words['colon']} {party.siren}"] if party.siren else []
        rows += [f"{words['vat_number']}{words['colon']} {party.vat_number}"] if party.vat_number else []
        columns.append((words[title], rows))
    two_columns(pdf, columns, below=8)


def _lines(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    pdf.set_font(FONT, "", 9)
    with pdf.table(col_widths=(100, 30, 44), text_align=("LEFT", "RIGHT", "RIGHT"), line_height=6) as table:
        table.row([words["label"], words["quantity"], words["amount"]])
        for line in paper.lines:
            table.row(
                [
                    line.label,
                    count_text(line.quantity, paper.language),
                    format_cents(line.net_cents, paper.language),
                ]
            )
    pdf.ln(4)


def _totals(pdf: Any, paper: Paper, words: dict[str, str]) -> None:
    total = paper.total_cents
    rows = [
        (words["net"], paper.net_cents),
        (f"{words['vat']} {rate_text(paper.vat_bp, paper.language)}", paper.vat_cents),
        (words["total"], total),
    ]
    if paper.kind in PAYABLE:
        if paper.paid_cents:
            rows.append((words["deposit_line"], -paper.paid_cents))
        rows.append((words["left"], total - paper.paid_cents))
    pdf.set_font(FONT, "", 10)
    for label, cents in rows:
        pdf.cell(130, 6, label, align="R")
        pdf.cell(0, 6, format_cents(cents, paper.language), align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
