"""An order of a closed or regulated sector: refused, or held to its words and to the age of its audience."""

from __future__ import annotations

from broker.audience.parse import parse_rule
from broker.audience.rule import Rule
from broker.catalogue.creative_text_store import creative_text
from broker.catalogue.sectors import check_message, refuse_forbidden, require_age, rules_for
from broker.kernel.database import UnitOfWork
from broker.rentals.model import Order


def check_order_sector(unit: UnitOfWork, sector: str, rule: Rule | None) -> None:
    """At the quote: the advertiser's own sector. Raises `sector_forbidden`, `age_select_needed`."""
    found = rules_for([sector] if sector else [], "", unit.today)
    refuse_forbidden(found, field="card")
    require_age(found, rule, field="select_rule")


def check_order_creative(unit: UnitOfWork, order: Order, creative_id: int) -> None:
    """At the placing, and when the message changes: what the message sells, on top of the advertiser's sector.

    Raises `sector_forbidden`, `sector_wording`, `age_select_needed`.
    """
    message = creative_text(unit, creative_id)
    found = check_message(message.sectors, message.text, message.language, unit.today)
    rule = parse_rule(order.select_rule_text) if order.select_rule_text.strip() else None
    require_age(found, rule, field="creative")
