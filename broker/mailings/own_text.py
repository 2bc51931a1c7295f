"""The text part as its author wrote it: its addresses become numbered links, the legal lines are made complete."""

from __future__ import annotations

import re

from broker.mailings.legal_lines import lines_for
from broker.mailings.plain_text import plain_text
from broker.mailings.slots import TAG_IN_URL, link_slot

LONGEST = 100_000
_ADDRESS = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_AFTER = ".,;:!?…'»)]}"


def own_text(text: str, urls: list[str], language: str, own: bool = False) -> tuple[str, list[str]]:
    """The text with slots, and what is wrong with it. Addresses that `urls` does not hold yet are added to it."""
    errors: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        url = match[0].rstrip(_AFTER)
        if url.count("(") > url.count(")") and match[0][len(url) :].startswith(")"):
            url += ")"  # of an address like …/Paris_(France)
        rest = match[0][len(url) :]
        if TAG_IN_URL.search(url):
            errors.append("A link of the text part holds a merge tag: the advertiser would learn there who reads.")
            return match[0]
        if url not in urls:
            urls.append(url)
        return link_slot(urls.index(url) + 1) + rest

    lines = _ADDRESS.sub(numbered, text.replace("\r\n", "\n").replace("\r", "\n").strip())
    missing = [line.wording[language] for line in lines_for(own) if line.slot not in lines]
    legal = plain_text("<br>".join(missing)) if missing else ""
    return f"{lines}\n\n{legal}" if legal else f"{lines}\n", errors
