"""Values masked so that nobody can be named by them."""

from __future__ import annotations


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
