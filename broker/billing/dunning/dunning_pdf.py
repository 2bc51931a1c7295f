"""The papers of late payment: a letter to a customer, and the claim of interest, in its language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from fpdf.enums import XPos, YPos

from broker.billing.dunning.dunning_model import Overdue
from broker.billing.dunning.dunning_words import AGENT, LAW, RETURNED, STOPPED, TEXTS, TITLES, WORDS
from broker.billing.dunning.late_interest import RECOVERY_CENTS, Stretch, parts_cents
from broker.billing.invoices.paper import PaperParty
from broker.kernel.money import format_cents
from broker.kernel.sheet import FONT, day_text, paragraph, rate_text, row, start, two_columns


@dataclass(frozen=True, slots=True)
class Sides:
    """Who writes, to whom, and the account to pay to."""

    company: PaperParty
    customer: PaperParty
    language: str
    iban: str
    bic: str


def letter_pdf(sides: Sides, code: str, day: date, level: int, late: Sequence[Overdue], *, stops: bool) -> bytes:
    """A letter of some level about late invoices."""
    language = sides.language
    words = WORDS[language]
    pdf = _begin(sides, TITLES[language][level], code, day)
    paragraph(pdf, TEXTS[language][level])
    pdf.ln(3)
    pdf.set_font(FONT, "", 9)
    heads = ["invoice", "due", "late", "open"] + (["interest"] if level > 1 else [])
    widths = (52, 30, 28, 34, 30)[: len(heads)]
    align = ("LEFT", "LEFT", "RIGHT", "RIGHT", "RIGHT")[: len(heads)]
    with pdf.table(col_widths=widths, text_align=align, line_height=6) as table:
        table.row([words[head] for head in heads])
        for one in late:
            cells = [one.number, day_text(one.due_on, language), str(one.days_late)]
            cells.append(format_cents(one.late_cents, language))
            if level > 1:
                cells.append(format_cents(one.interest_cents, language))
            table.row(cells)
    pdf.ln(3)
    _sum(pdf, words["sum"], format_cents(sum(one.late_cents for one in late), language), bold=True)
    if level > 1:
        _sum(pdf, words["grown"], format_cents(sum(one.interest_cents for one in late), language))
        _sum(pdf, words["recovery"], format_cents(sum(one.recovery_cents for one in late), language))
    pdf.ln(3)
    pdf.set_font(FONT, "", 10)
    if sides.iban:
        account = f"{sides.iban}  {sides.bic}".rstrip()
        paragraph(pdf, f"{words['pay']} {account}, {words['say']}.")
    if stops:
        paragraph(pdf, STOPPED[language])
    pdf.ln(2)
    pdf.set_font(FONT, "", 8)
    if level > 1:
        paragraph(pdf, LAW[language].format(recovery=format_cents(RECOVERY_CENTS, language)), 4)
    for one in late:
        if one.returned_on is not None:
            text = RETURNED[language].format(invoice=one.number, day=day_text(one.returned_on, language))
            paragraph(pdf, text, 4)
    if any(one.kind == "owner_invoice" for one in late):
        paragraph(pdf, AGENT[language], 4)
    return bytes(pdf.output())


def claim_pdf(
    sides: Sides, number: str, day: date, about: str, found: Sequence[Stretch], interest: int, recovery: int
) -> bytes:
    """The claim of an invoice's late interest, stretch by stretch, and of the fixed compensation."""
    language = sides.language
    words = WORDS[language]
    pdf = _begin(sides, f"{words['claim']} {number}", number, day)
    row(pdf, f"{words['about']} {about}")
    pdf.ln(3)
    pdf.set_font(FONT, "", 9)
    heads = [f"{words['from']} – {words['until']}", words["days"], words["open"], words["rate"], words["amount"]]
    with pdf.table(
        col_widths=(54, 20, 36, 28, 36), text_align=("LEFT", "RIGHT", "RIGHT", "RIGHT", "RIGHT"), line_height=6
    ) as table:
        table.row(heads)
        for one, cents in zip(found, parts_cents(found), strict=True):
            table.row(
                [
                    f"{day_text(one.first, language)} – {day_text(one.last, language)}",
                    str(one.days),
                    format_cents(one.late_cents, language),
                    rate_text(one.bp, language),
                    format_cents(cents, language),
                ]
            )
    pdf.ln(3)
    _sum(pdf, words["claim"], format_cents(interest, language))
    if recovery:
        _sum(pdf, words["fixed"], format_cents(recovery, language))
    _sum(pdf, words["total"], format_cents(interest + recovery, language), bold=True)
    pdf.ln(3)
    pdf.set_font(FONT, "", 10)
    if sides.iban:
        account = f"{sides.iban}  {sides.bic}".rstrip()
        paragraph(pdf, f"{words['pay']} {account}.")
    pdf.set_font(FONT, "", 8)
    paragraph(pdf, LAW[language].format(recovery=format_cents(RECOVERY_CENTS, language)), 4)
    return bytes(pdf.output())


def _begin(sides: Sides, title: str, code: str, day: date) -> Any:
    words = WORDS[sides.language]
    pdf = start(title, sides.language, datetime.combine(day, time(), tzinfo=UTC))
    row(pdf, f"{words['day']}{words['colon']} {day_text(day, sides.language)}    {code}")
    pdf.ln(4)
    parties = (sides.company, sides.customer)
    two_columns(pdf, [("", (party.name, party.street, party.place, party.country)) for party in parties], below=8)
    return pdf


def _sum(pdf: Any, label: str, amount: str, *, bold: bool = False) -> None:
    pdf.set_font(FONT, "B" if bold else "", 10)
    pdf.cell(130, 6, label, align="R")
    pdf.cell(0, 6, amount, align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
