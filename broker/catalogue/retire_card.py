"""Take a card off the catalogue for good."""

from __future__ import annotations

from broker.audit.record import record
from broker.catalogue import store
from broker.catalogue.find_card import find_card
from broker.catalogue.model import DataCard
from broker.kernel.database import UnitOfWork


def retire_card(unit: UnitOfWork, code: str) -> DataCard:
    """Orders already made keep their terms; new ones are refused. A second call changes nothing."""
    unit.actor.require("owner")
    card = find_card(unit, code)
    if card.state != "retired":
        store.retire_card(unit, card.card_id)
        record(unit, "card.retired", "data_card", code)
    return find_card(unit, code)
