"""A stored creative as its reader will see it, with example values, for whoever signs or approves it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape

from broker.mailings.model import Creative
from broker.mailings.slots import SLOT, fill_image_slots, person_field

EXAMPLES = {  # one French reader for both languages: bases are French
    "fr": {"first_name": "Camille", "last_name": "Martin", "city": "Lyon", "event_day": "14 mars 2026"},
    "en": {"first_name": "Camille", "last_name": "Martin", "city": "Lyon", "event_day": "14 March 2026"},
}
NAMES = {
    "fr": {"owner_name": "[propriétaire de la base]", "advertiser_identity": "[identité de l'annonceur]"},
    "en": {"owner_name": "[owner of the base]", "advertiser_identity": "[identity of the advertiser]"},
}


def preview_html(creative: Creative, year: int, *, owner_name: str = "", advertiser_name: str = "") -> str:
    """The HTML with slots filled by examples; links lead nowhere, since a preview must not count as a visit."""
    return _filled(creative, fill_image_slots(creative.html, ""), year, owner_name, advertiser_name, escape)


def preview_plain(creative: Creative, year: int, *, owner_name: str = "", advertiser_name: str = "") -> str:
    """The text part with slots filled by examples."""
    return _filled(creative, creative.plain, year, owner_name, advertiser_name, str)


def _filled(
    creative: Creative, text: str, year: int, owner_name: str, advertiser_name: str, written: Callable[[str], str]
) -> str:
    names = {
        **NAMES[creative.language],
        **({"owner_name": owner_name} if owner_name else {}),
        "advertiser_name": advertiser_name or creative.from_name,
        "partners_url": "#",
        "unsubscribe_url": "#",
        "current_year": str(year),
    }

    def value(match: re.Match[str]) -> str:
        tag, default = match[1], match[2] or ""
        if tag.startswith("link:"):
            return "#"
        if person_field(tag):
            return written(EXAMPLES[creative.language].get(tag) or default)
        return written(names.get(tag, ""))

    return SLOT.sub(value, text)
