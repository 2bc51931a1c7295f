"""The words by which returned messages are told apart, read from `data/phrases.txt` at first use."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

PHRASES = Path(__file__).parent.parent / "data" / "phrases.txt"


@cache
def _sections() -> dict[str, str]:
    sections: dict[str, str] = {}
    for section in re.split(r"(?m)^(?=\[\w+\]$)", PHRASES.read_text(encoding="utf-8"))[1:]:
        head, *lines = section.split("\n")
        sections[head.strip("[]")] = "|".join(line for line in lines if line)
    return sections


@cache
def phrase(name: str, before: str = "", after: str = "") -> re.Pattern[str]:
    """Any phrase of a section, between two regular expressions; case ignored, `^` and `$` at lines."""
    return re.compile(f"{before}(?:{_sections()[name]}){after}", re.IGNORECASE | re.MULTILINE)


@cache
def wish(before: str, after: str) -> re.Pattern[str]:
    """A text that is a wish to leave and nothing else, between two regular expressions."""
    words = _sections()
    whole = rf"(?:(?:{words['wish_before']}) )?(?:{words['wish']})(?: (?:{words['wish_after']}))*[ .!]*"
    return re.compile(f"{before}(?:{whole}){after}", re.IGNORECASE | re.MULTILINE)
