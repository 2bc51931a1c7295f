"""A programme of a closed or regulated sector: refused, or held to its words; its sends to the age of their people."""

from __future__ import annotations

from broker.audience.rule import Rule
from broker.catalogue.creative_text_store import creative_text, offer_text
from broker.catalogue.sectors import check_message, refuse_forbidden, require_age, rules_for
from broker.kernel.database import UnitOfWork


def check_programme(unit: UnitOfWork, sector: str, texts: str, creative_id: int) -> None:
    """When it is opened: `texts` are its title and description. Raises `sector_forbidden`, `sector_wording`."""
    message = creative_text(unit, creative_id)
    sectors = (sector, *message.sectors)
    refuse_forbidden(rules_for(sectors, texts, unit.today), field="sector")
    check_message(sectors, message.text, message.language, unit.today)


def check_picked_segment(unit: UnitOfWork, programme_code: str, rule: Rule) -> None:
    """When an owner picks a send: raises `InvalidInput` (`age_select_needed`) for a segment of the too young."""
    offer = offer_text(unit, programme_code)
    found = rules_for(offer.sectors, offer.text, unit.today)
    refuse_forbidden(found, field="segment")
    require_age(found, rule, field="segment")
