"""A printed page of ours: the font, the way of rows, days and figures, by which every PDF is made.

Documents that carry money or a signature are PDF/A: whatever they need stands in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import XPos, YPos

FONT = "Source Sans 3"
MARGIN = 18  # mm
_FOLDER = Path(str(resources.files("broker.kernel"))) / "data" / "fonts"  # brought by the build hook
_FONTS = {"": "source-sans-3-regular.ttf", "B": "source-sans-3-bold.ttf"}


class Sheet(FPDF):
    """An A4 page in our font, with `compliance` as PDF/A. Letters that the font does not hold (Latin, Greek, Cyrillic)
    become question marks: PDF/A allows no gap."""

    def __init__(self, compliance: str = "PDF/A-3U") -> None:
        super().__init__(format="A4", enforce_compliance=compliance)
        for style, file in _FONTS.items():
            self.add_font(FONT, style, str(_FOLDER / file))
        self.set_margin(MARGIN)

    def normalize_text(self, text: str) -> str:
        """Called by the library for every text that is printed."""
        plain: str = super().normalize_text(text)
        held = getattr(self.current_font, "cmap", None)
        return plain if held is None else "".join(char if ord(char) in held else "?" for char in plain)


def start(title: str, language: str, made_at: datetime) -> Any:
    """A sheet with its title as the first row. `made_at` stands in the file: the same content is the same bytes."""
    pdf: Any = Sheet()
    pdf.set_title(title)
    pdf.set_lang("fr-FR" if language == "fr" else "en-GB")
    pdf.set_creation_date(made_at)
    pdf.add_page()
    pdf.set_font(FONT, "B", 18)
    row(pdf, title, 12)
    pdf.set_font(FONT, "", 10)
    return pdf


def row(pdf: Any, text: str, height: int = 5) -> None:
    """One line over the whole width."""
    pdf.cell(0, height, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def paragraph(pdf: Any, text: str, height: float = 5) -> None:
    """A text over as many lines as it needs."""
    pdf.multi_cell(0, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def heading(pdf: Any, text: str) -> None:
    """A bold line with room above it."""
    pdf.ln(4)
    pdf.set_font(FONT, "B", 11)
    row(pdf, text, 7)
    pdf.set_font(FONT, "", 10)


def facts(pdf: Any, rows: Sequence[tuple[str, str]], width: int = 62) -> None:
    """Names on the left, what they are on the right; a long text takes several lines beside its name."""
    for name, value in rows:
        top = pdf.get_y()
        pdf.multi_cell(width, 5.4, name, align="L", new_x=XPos.RIGHT, new_y=YPos.TOP)
        bottom = pdf.get_y()
        pdf.set_xy(MARGIN + width, top if bottom >= top else bottom)
        pdf.multi_cell(0, 5.4, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def two_columns(pdf: Any, columns: Sequence[tuple[str, Sequence[str]]], below: int = 6) -> None:
    """Two blocks side by side, each a bold name (if it has one) over its rows, and `below` mm of room under them."""
    top = bottom = pdf.get_y()
    for place, (title, rows) in enumerate(columns):
        left = MARGIN + place * 90
        pdf.set_xy(left, top)
        if title:
            pdf.set_font(FONT, "B", 10)
            pdf.multi_cell(85, 5, title, new_x=XPos.LEFT, new_y=YPos.NEXT)
            pdf.set_font(FONT, "", 10)
        for text in rows:
            if text:
                pdf.set_x(left)
                pdf.multi_cell(85, 5, text, new_x=XPos.LEFT, new_y=YPos.NEXT)
        bottom = max(bottom, pdf.get_y())
    pdf.set_xy(MARGIN, bottom + below)


def day_text(day: date, language: str) -> str:
    """`31/12/2026` in French, `2026-12-31` in English."""
    return f"{day:%d/%m/%Y}" if language == "fr" else day.isoformat()


def count_text(number: int, language: str) -> str:
    """A whole number with the language's thousands."""
    grouped = f"{number:,}"
    return grouped.replace(",", "\u00a0") if language == "fr" else grouped


def rate_text(basis_points: int, language: str) -> str:
    """`20 %`, `5,5 %`."""
    rate = f"{basis_points // 100}.{basis_points % 100:02d}".rstrip("0").rstrip(".")
    return f"{rate.replace('.', ',') if language == 'fr' else rate} %"
