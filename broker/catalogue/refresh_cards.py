"""Bring a base's cards up to its newest snapshot: sizes and profiles, and no card stays that fell under the floor."""

from __future__ import annotations

import json
from collections.abc import Callable

from broker.audit.record import record
from broker.catalogue import store
from broker.catalogue.model import CountDesk
from broker.kernel.database import Database, UnitOfWork

TellHolders = Callable[[UnitOfWork, int], int]  # a withdrawn card's id; how many open quotes it ended


def refresh_cards(database: Database, audience: CountDesk, snapshot_id: int, tell_holders: TellHolders) -> int:
    """Refresh the published cards of the base that this snapshot is current of; returns how many were withdrawn.

    A card under the floor is withdrawn and `tell_holders` ends the quotes on it, in the same transaction. Run again, it
    goes on where it stopped.
    """
    with database.begin() as unit:
        cards = store.cards_to_refresh(unit, snapshot_id)
    withdrawn = 0
    for card in cards:
        sized = audience.size_card(card.base_id, card.rule, card_id=card.id)
        with database.begin() as unit:
            if sized["reaches_floor"]:
                store.refresh_card(
                    unit,
                    card.id,
                    sized["snapshot_id"],
                    sized["size_shown"],
                    json.dumps(sized["profile"]),
                    json.dumps(sized["tables"]),
                    store.past_clicks_bp(unit, card.id),
                )
                record(unit, "card.refreshed", "data_card", card.code, size_shown=sized["size_shown"])
            elif store.withdraw_card(unit, card.id):
                ended = tell_holders(unit, card.id)
                record(unit, "card.withdrawn", "data_card", card.code, reason="under_floor", quotes_ended=ended)
                withdrawn += 1
    return withdrawn
