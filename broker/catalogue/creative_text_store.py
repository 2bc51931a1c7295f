"""What a message says, for the rules of regulated sectors: its words and the sector of its author."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class CreativeText:
    """All that a reader is told, as plain text; `sectors`: what the author declared to be its trade."""

    text: str
    language: str
    sectors: tuple[str, ...]


def creative_text(unit: UnitOfWork, creative_id: int) -> CreativeText:
    """The words of a creative that the actor may see."""
    row = unit.one(
        "SELECT c.subject, c.preheader, c.from_name, c.plain, c.html, c.language, o.sector FROM creative c"
        " LEFT JOIN organisation o ON o.id = c.org_id WHERE c.id = :id",
        id=creative_id,
    )
    if row is None:
        raise NotFound("There is no such creative.", code="creative_not_found")
    parts = (row.subject, row.preheader, row.from_name, row.plain, words_of(row.html))
    return CreativeText("\n".join(parts), row.language, (row.sector,) if row.sector else ())


def offer_text(unit: UnitOfWork, programme_code: str) -> CreativeText:
    """The words of a programme and its creative, and its sector."""
    row = unit.one(
        "SELECT p.title, p.description, p.sector, p.creative_id FROM programme p WHERE p.code = :code",
        code=programme_code,
    )
    if row is None:
        raise NotFound(f"There is no programme {programme_code!r}.")
    message = creative_text(unit, row.creative_id)
    text = "\n".join((row.title, row.description, message.text))
    return CreativeText(text, message.language, (row.sector, *message.sectors))


def words_of(markup: str) -> str:
    """The words of cleaned HTML, those of `alt` texts too: a wording in a picture's description is read out."""
    described = re.sub(r'<img\b[^>]*?\balt="([^"]*)"[^>]*>', r" \1 ", markup, flags=re.IGNORECASE)
    bare = re.sub(r"<(style|head)\b.*?</\1>|<!--.*?-->|<[^>]+>", " ", described, flags=re.IGNORECASE | re.DOTALL)
    return html.unescape(bare)
