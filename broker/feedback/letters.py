"""The words of mails that the platform writes by itself, read from `data/letters.toml` at first use."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

LETTERS = Path(__file__).parent / "data" / "letters.toml"


def letter_words(language: str, name: str) -> tuple[str, str]:
    """(subject, text) of a letter, with places in braces; French where the language is not ours."""
    found = _letters().get(language, _letters()["fr"])[name]
    return found["subject"], found["text"].lstrip("\n")


@cache
def _letters() -> dict[str, dict[str, dict[str, str]]]:
    table: dict[str, dict[str, dict[str, str]]] = tomllib.loads(LETTERS.read_text(encoding="utf-8"))
    return table
