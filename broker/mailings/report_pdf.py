"""Reports of a mailing on paper."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from broker.kernel.clock import PARIS
from broker.kernel.sheet import FONT, Sheet
from broker.mailings.report_rows import Table

_LONGEST_TABLE = 60  # rows; the CSV holds all of them
_INK, _QUIET = (28, 37, 54), (95, 105, 120)


class _Page(Sheet):
    """A page that says its number."""

    def footer(self) -> None:
        """Called by the library at each page's end."""
        self.set_y(-14)
        self.set_font(FONT, "", 8)
        self.set_text_color(*_QUIET)
        self.cell(0, 5, f"{self.page_no()} / {{nb}}", align="R")


def tables_pdf(title: str, subtitle: str, tables: Sequence[Table], language: str, made_at: datetime) -> bytes:
    """A document of tables, one under the other."""
    pdf = _Page()
    pdf.set_title(title)
    pdf.set_lang("fr-FR" if language == "fr" else "en-GB")
    pdf.set_creation_date(made_at)
    pdf.set_auto_page_break(True, 20)
    pdf.add_page()
    pdf.set_text_color(*_INK)
    pdf.set_font(FONT, "B", 17)
    pdf.multi_cell(0, 9, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font(FONT, "", 10)
    pdf.set_text_color(*_QUIET)
    local = made_at.astimezone(PARIS)
    when = f"{local:%d/%m/%Y %H:%M}" if language == "fr" else f"{local:%Y-%m-%d %H:%M}"
    pdf.multi_cell(0, 6, " · ".join(filter(None, (subtitle, when))), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    for table in tables:
        _table(pdf, table)
    return bytes(pdf.output())


def _table(pdf: FPDF, table: Table) -> None:
    pdf.ln(5)
    if pdf.get_y() > 250:
        pdf.add_page()
    pdf.set_text_color(*_INK)
    pdf.set_font(FONT, "B", 12)
    pdf.cell(0, 8, table.title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.set_font(FONT, "", 9)
    numbers = [all(isinstance(row[at], int) or row[at] is None for row in table.rows) for at in range(len(table.heads))]
    widths = [1 if number else 2 + min(5, _longest(table, at) // 12) for at, number in enumerate(numbers)]
    with pdf.table(
        col_widths=tuple(widths),
        text_align=tuple("RIGHT" if number else "LEFT" for number in numbers),
        line_height=5.5,
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD", color=_QUIET),
        first_row_as_headings=len(table.heads) > 1,
    ) as printed:
        if len(table.heads) > 1:
            printed.row(list(table.heads))
        for row in table.rows[:_LONGEST_TABLE]:
            printed.row([_text(cell) for cell in row])
        if len(table.rows) > _LONGEST_TABLE:
            printed.row([f"+ {len(table.rows) - _LONGEST_TABLE}", *[""] * (len(table.heads) - 1)])


def _longest(table: Table, at: int) -> int:
    return max((len(str(row[at] or "")) for row in table.rows), default=0)


def _text(cell: str | int | None) -> str:
    if isinstance(cell, int):
        return f"{cell:,}".replace(",", "\u00a0")
    return "" if cell is None else cell if len(cell) <= 300 else f"{cell[:299]}…"
