"""The count desk: the questions that the audience process answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from broker.audience import card_desk
from broker.audience.desk_means import DeskMeans, day_or_none, number, number_or_none
from broker.audience.exclusions import tally_of
from broker.audience.overlap_desk import compare_segments
from broker.audience.own_desk import count_own, pressure_days
from broker.audience.rule import clean_rule
from broker.kernel.errors import InvalidInput

ABOUT_CARDS: Mapping[str, Callable[[DeskMeans, Mapping[str, Any]], dict[str, Any]]] = {
    "size_card": card_desk.size_card,
    "count_for_advertiser": card_desk.count_for_advertiser,
    "count_cards": card_desk.count_cards,
    "compare_segments": compare_segments,
    "count_own": count_own,
    "pressure_days": pressure_days,
}


@dataclass(frozen=True)
class CountDesk(DeskMeans):
    """Answers questions, each in one transaction of the worker role."""

    # Questions that rooms below this one answer (insight), by name.
    more: Mapping[str, Callable[[CountDesk, Mapping[str, Any]], dict[str, Any]]] = field(default_factory=dict)

    def answer(self, call: object, arguments: object) -> dict[str, Any]:
        """One question as it arrived; raises `CourtierError`."""
        calls: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "count_for_owner": self.count_for_owner,
            **{name: partial(about, self) for name, about in ABOUT_CARDS.items()},
        }
        if isinstance(call, str) and call in self.more and isinstance(arguments, dict):
            return self.more[call](self, arguments)
        if not isinstance(call, str) or call not in calls or not isinstance(arguments, dict):
            raise InvalidInput("The audience process knows no such question.", code="bad_question")
        return calls[call](arguments)

    def count_for_owner(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Exact: `{count, rentable, exclusions}`, on the day `send_on` if one is given."""
        base_id, advertiser_id = number(arguments, "base_id"), number_or_none(arguments, "advertiser_id")
        send_on = day_or_none(arguments, "send_on")
        with self.database.begin() as unit:
            snapshot = self.snapshot(unit, base_id)
            tally = tally_of(self.left(unit, snapshot, clean_rule(arguments.get("rule")), advertiser_id, send_on).taken)
        return {"count": tally.count, "rentable": tally.rentable, "exclusions": tally.exclusions}


def base_asked_about(arguments: Mapping[str, Any]) -> int:
    """The `base_id` of a question; raises `bad_question`."""
    return number(arguments, "base_id")
