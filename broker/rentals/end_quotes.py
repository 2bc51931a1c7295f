"""End the quotes on a card that was withdrawn."""

from __future__ import annotations

from broker.audit.record import record
from broker.kernel.database import UnitOfWork
from broker.rentals import store
from broker.rentals.tell import tell_parties

REASON = "The card was withdrawn: fewer contacts than the publication floor are left."


def end_quotes(unit: UnitOfWork, card_id: int) -> int:
    """Let open quotes on the card expire with the reason; returns how many. Orders already placed keep their terms."""
    quotes = store.quotes_on_card(unit, card_id)
    for quote in quotes:
        order = store.order_by_id(unit, quote.id)
        store.set_state(unit, quote.id, "expired", refusal=REASON)
        if order is not None:
            tell_parties(unit, order, "expired")
        record(unit, "order.expired", "rental_order", quote.code, reason="card_withdrawn")
    return len(quotes)
