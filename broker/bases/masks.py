"""Values masked so that nobody can be named by them, and cells made harmless for spreadsheets."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"\s*[=@\t\r]|\s*[+\-](?![\d\s.,()]*$)")


def mask(value: str) -> str:
    """`jean@boite.fr` → `j•••@•••.fr`; anything else keeps its first character."""
    text = " ".join(value.replace("\0", " ").split())
    if not text:
        return ""
    local, at, domain = text.rpartition("@")
    if at:
        end = domain.rpartition(".")[2]
        shown = f".{end}" if "." in domain and end.isalpha() and end.isascii() and len(end) <= 6 else ""
        return f"{local[:1]}•••@•••{shown}"
    return f"{text[0]}•••"


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection): `=cmd|…` gets an apostrophe.

    Numbers with a sign (`+33 6 …`, `-12,50`) stay as they are.
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell
