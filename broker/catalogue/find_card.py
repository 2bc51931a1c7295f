"""Find cards: one's own in any state, or one of the catalogue."""

from __future__ import annotations

from broker.catalogue import store
from broker.catalogue.model import DataCard, PublishedCard
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import NotFound


def find_card(unit: UnitOfWork, code: str) -> DataCard:
    """A card of the actor's organisation."""
    card = store.card_by_code(unit, code)
    if card is None:
        raise NotFound(f"There is no card {code!r} of yours.", field="card")
    return card


def list_cards(unit: UnitOfWork) -> list[DataCard]:
    """All cards of the actor's organisation, the newest first."""
    return store.cards_of_owner(unit)


def find_published_card(unit: UnitOfWork, code: str) -> PublishedCard:
    """A card of the catalogue, as everybody sees it."""
    card = store.published_by_code(unit, code)
    if card is None:
        raise NotFound(f"There is no published card {code!r}; it may have been retired.", field="card")
    return card
