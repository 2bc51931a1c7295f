"""Search the catalogue."""

from __future__ import annotations

from broker.catalogue import store
from broker.catalogue.model import PublishedCard
from broker.kernel.database import UnitOfWork
from broker.kernel.paging import Page, offset

LONGEST_SEARCH = 200


def search_cards(unit: UnitOfWork, words: str = "", page: int = 1, size: int = 25) -> Page[PublishedCard]:
    """Published cards whose texts have these words (stemmed, French or English), the best first."""
    asked = words.strip()[:LONGEST_SEARCH]
    found = store.published_page(unit, asked, size, offset(page, size))
    return Page(found, store.count_published(unit, asked), page, size)
