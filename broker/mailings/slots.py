"""Slots: what stands between double braces in a stored creative, and when it is filled.

* of a **person**, filled for each recipient: the declared merge tags `{{first_name|default}}`, the numbered links
  `{{link:3}}` and the address of the opt-out page `{{unsubscribe_url}}`; in an owner's own mailings also what its
  purchases say (`{{product}}`, `{{suggestion_1}}`, `{{product_size}}` …, broker/insight/mail_fields.py);
* of a **mailing**, filled once: names of owner and advertiser, the address of the partner list, the year;
* of an **image** that we serve: `{{image:<its name>}}`.

Authors may write the merge tags, and `{{unsubscribe_url}}` or `{{partners_url}}` as the whole of a link. Nothing else
may stand inside a URL: the advertiser would learn there who the reader is.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from html import escape
from typing import Final

MERGE_TAGS: Final = {"first_name": "first_name", "last_name": "last_name", "city": "city"}  # tag → sealed field
# Of own mailings alone; any other attribute of the product is `product_<its name>`.
OWN_TAGS: Final = (
    "event_day", "product", "category", "product_size", "product_colour", "suggestion_1", "suggestion_2",
    "suggestion_3",
)  # fmt: skip
OWN_ATTRIBUTE: Final = "product_"
MAILING_TAGS: Final = ("owner_name", "advertiser_name", "advertiser_identity", "partners_url", "current_year")
URL_TAGS: Final = ("unsubscribe_url", "partners_url")

SLOT: Final = re.compile(r"\{\{\s*([a-z_][a-z0-9_]*(?::\d+)?)\s*(?:\|([^{}]*))?\}\}")
ANY_TAG: Final = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
IMAGE_SLOT: Final = re.compile(r"\{\{image:([0-9a-f]{32}\.(?:png|jpg|gif|webp))\}\}")
FOREIGN: Final = re.compile(
    r"\*\|[^|*]{1,80}\|\*|%%=?[A-Za-z_ .()@]{1,60}=?%%"
    r"|\[\[[A-Za-z_ :]{1,60}(?::(?:\"[^\"\]]{0,80}\"|'[^'\]]{0,80}'))?\s*\]\]|\$\[[A-Za-z_:| ]{1,60}\]\$"
    r"|\{%[^{}%]{1,120}%\}|<%[^<>%]{1,120}%>|\$\{[\w. ]{1,60}\}|\{\$[\w.]{1,60}\}|\{contactfield=[^{}]{1,60}\}"
    r"|(?<![\w%])%(?![0-9A-F]{2})[A-Z][A-Z0-9_]{3,30}%(?!%)"
)
# A declared tag whose braces do not close, or close behind markup: it would be sent as it stands.
OPEN_TAG: Final = re.compile(r"\{\{\s*([a-z_]+)\b(?![^{}]*\}\})")
TAG_IN_URL: Final = re.compile(
    r"\{\{|%7B%7B|\*\||%2A%7C|%%[A-Za-z_]+%%|\[\[|\{%|<%"
    r"|\$\{|\{\$|\$\[[A-Z]{2}:|%%=|\{contactfield=|%(?![0-9A-F]{2})[A-Z_]{4,30}%",
    re.IGNORECASE,
)


def person_field(tag: str) -> str | None:
    """Where a merge tag's text stands in what is known of a recipient; None for what is no merge tag."""
    if tag in OWN_TAGS or (tag.startswith(OWN_ATTRIBUTE) and ":" not in tag):
        return tag
    return MERGE_TAGS.get(tag)


def link_slot(number: int) -> str:
    """The slot of a numbered link; number 0 is the link that only machines see."""
    return f"{{{{link:{number}}}}}"


def image_slot(name: str) -> str:
    """The slot of an image that is kept under `name`."""
    return f"{{{{image:{name}}}}}"


def fill_image_slots(html: str, public_url: str) -> str:
    """Images get the address under which we serve them."""
    return IMAGE_SLOT.sub(rf"{public_url}/i/\1", html)


def unknown_tags(text: str, allowed: Collection[str] = tuple(MERGE_TAGS)) -> list[str]:
    """Merge tags in an author's text that nobody declared or that it may not use, each once, in order."""
    found: dict[str, None] = {}
    for match in ANY_TAG.finditer(text):
        name = match[1].partition("|")[0].strip()
        attribute = name.startswith(OWN_ATTRIBUTE) and "product" in allowed
        if name not in allowed and not attribute and name not in MAILING_TAGS and name not in URL_TAGS:
            found[name or match[0]] = None
    for match in FOREIGN.finditer(text):
        found[match[0]] = None
    for match in OPEN_TAG.finditer(text):
        if person_field(match[1]) or match[1] in MAILING_TAGS or match[1] in URL_TAGS:
            found[f"{{{{{match[1]} (without its closing }}}})"] = None
    return list(found)


def fill_mailing_slots(text: str, values: dict[str, str], *, in_html: bool = False) -> str:
    """Replace the slots of a mailing; those of a person stay."""

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            return match[0]
        # A name with double braces must not become a slot of a person.
        filled = values[match[1]].replace("{{", "{ {")
        return escape(filled) if in_html else filled

    return SLOT.sub(value, text)
