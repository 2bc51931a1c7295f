"""A search of the catalogue, and what it finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from broker.catalogue.model import PublishedCard
from broker.kernel.paging import Page

Sort = Literal["fit", "newest", "size", "price", "results"]
SORTS: tuple[Sort, ...] = ("fit", "newest", "size", "price", "results")
SIZE_BANDS = ((0, 24_999), (25_000, 99_999), (100_000, 249_999), (250_000, 999_999), (1_000_000, 10**12))


@dataclass(frozen=True, slots=True)
class CardSearch:
    """Empty fields ask for nothing. `size` is a place in SIZE_BANDS, `most_cents` the highest price per thousand."""

    words: str = ""
    sector: str = ""
    region: str = ""
    kind: str = ""
    language: str = ""
    size: int | None = None
    most_cents: int = 0
    sort: str = ""

    @property
    def order(self) -> Sort:
        """As asked; else by fit where words are given, by age where not."""
        chosen = next((sort for sort in SORTS if sort == self.sort), None)
        return chosen or ("fit" if self.words else "newest")

    @property
    def narrowed(self) -> bool:
        """Whether anything is asked for."""
        return bool(self.words or self.sector or self.region or self.kind or self.language or self.most_cents) or (
            self.size is not None
        )


@dataclass(frozen=True, slots=True)
class Found:
    """A page of cards; for each facet how many cards each value would leave; about how many people by region."""

    cards: Page[PublishedCard]
    facets: dict[str, dict[str, int]]
    regions: dict[str, int]
