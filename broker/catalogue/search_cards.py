"""Search the catalogue."""

from __future__ import annotations

from dataclasses import replace

from broker.catalogue import search_store as store
from broker.catalogue.model import PublishedCard
from broker.catalogue.search_model import SIZE_BANDS, CardSearch, Found
from broker.kernel.database import UnitOfWork
from broker.kernel.paging import Page, offset

LONGEST_SEARCH = 200
MOST_COMPARED = 4
FACETS = ("sector", "kind", "language", "size")


def search_cards(unit: UnitOfWork, words: str = "", page: int = 1, size: int = 25) -> Page[PublishedCard]:
    """Published cards whose texts have these words (stemmed, French or English), the best first."""
    return find_cards(unit, CardSearch(words), page, size)


def find_cards(unit: UnitOfWork, asked: CardSearch, page: int = 1, size: int = 25) -> Page[PublishedCard]:
    """Published cards that answer a search, in its order."""
    plain = _plain(asked)
    found = store.cards_page(unit, plain, size, offset(page, size))
    return Page(found, store.count_cards(unit, plain), page, size)


def explore_cards(unit: UnitOfWork, asked: CardSearch, page: int = 1, size: int = 24) -> Found:
    """A page of cards with facets and the map of what was found."""
    plain = _plain(asked)
    facets = {name: store.facet(unit, plain, name) for name in FACETS}
    return Found(find_cards(unit, plain, page, size), facets, store.people_by_region(unit, plain))


def compare_cards(unit: UnitOfWork, codes: list[str]) -> list[PublishedCard]:
    """Up to four cards beside each other, in the order asked; those not published any more are left out."""
    wanted = list(dict.fromkeys(codes))[:MOST_COMPARED]
    found = {card.code: card for card in store.cards_by_codes(unit, wanted)}
    return [found[code] for code in wanted if code in found]


def _plain(asked: CardSearch) -> CardSearch:
    words = asked.words.replace("\x00", "").strip()[:LONGEST_SEARCH]
    size = asked.size if asked.size is not None and 0 <= asked.size < len(SIZE_BANDS) else None
    return replace(asked, words=words, size=size, most_cents=max(0, min(asked.most_cents, 10**9)))
