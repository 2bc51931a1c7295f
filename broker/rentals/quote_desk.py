"""Quote a whole desk: one order per card, each for its share of the volume by the figures shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from broker.catalogue.count_card import count_on_desk
from broker.catalogue.model import CountDesk
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.money import split_by_largest_remainder
from broker.kernel.settings import Settings
from broker.rentals import terms_store
from broker.rentals.model import Order
from broker.rentals.quote import quote
from broker.rentals.terms import PLAIN, Asked


def quote_desk(
    unit: UnitOfWork,
    audience: CountDesk,
    settings: Settings,
    asked: Sequence[tuple[str, str]],
    volume: int,
    send_on: date | None = None,
    terms: Asked = PLAIN,
) -> list[Order]:
    """An order each for (card code, select text), all or none. They stay together: whoever is in several of their bases
    goes to one of them by lot (`mailings/desk_lot.py`). Raises as `count_on_desk` and `quote`, and
    `under_smallest_count` where a card shows too few people to be ordered."""
    count = count_on_desk(unit, audience, asked, send_on)
    shares = share_volume(volume, [line.shown for line in count.lines], settings.disclosure.rounding)
    orders = [
        quote(unit, audience, settings, line.card.code, share, line.select_text, send_on, terms)
        for line, share in zip(count.lines, shares, strict=True)
    ]
    if len(orders) > 1:
        desk = new_code("desk")
        for order in orders:
            terms_store.put_on_desk(unit, order.id, desk)
    return orders


def share_volume(volume: int, shown: Sequence[int], step: int) -> list[int]:
    """The volume split by the figures shown, in whole steps, the largest remainders first. Σ shares = volume."""
    if not shown or any(figure == 0 for figure in shown):
        raise InvalidInput(
            "One of these cards shows too few people for an order. Widen its selection, or take it off the desk.",
            code="under_smallest_count",
            field="cards",
        )
    if volume <= 0 or volume % step:
        raise InvalidInput(
            f"Order a multiple of {step:,} names.",
            code="volume_not_round",
            field="volume",
            details={"step": step, "example": max(step, volume - volume % step)},
        )
    return [share * step for share in split_by_largest_remainder(volume // step, shown)]
