"""The count desk: an advertiser asks for the size of a selection inside a card."""

from __future__ import annotations

from broker.audience.parse import parse_rule
from broker.catalogue.find_card import find_published_card
from broker.catalogue.model import CountDesk
from broker.kernel.database import UnitOfWork


def count_card(unit: UnitOfWork, audience: CountDesk, card_code: str, select_text: str = "") -> int:
    """The guarded figure of the card narrowed by its own selects; 0 reads "fewer than the smallest count shown".

    Raises `bad_rule`, `select_not_offered`, `question_budget`, `audience_unavailable`.
    """
    unit.actor.require("advertiser")
    card = find_published_card(unit, card_code)
    select = parse_rule(select_text) if select_text.strip() else None
    return int(audience.count_for_advertiser(unit.actor.org, card.card_id, select)["shown"])
