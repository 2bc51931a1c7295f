"""The words of the public pages, in French and English, read once from `texts.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

Texts = dict[str, str]
LANGUAGES = ("fr", "en")


@cache
def texts(language: str) -> Texts:
    """All words of a language (`fr` or `en`) by name."""
    table: dict[str, Texts] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    return table[language]
