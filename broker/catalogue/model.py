"""Rows of segments and data cards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from broker.audience.rule import Rule


@dataclass(frozen=True, slots=True)
class Segment:
    """A saved rule over one base; `rule` is the tree of `rule_text`."""

    id: int
    code: str
    base_id: int
    base_code: str
    org_id: int
    name: str
    rule_text: str
    rule: Rule
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PublishedCard:
    """What every advertiser may see of a card. `size_shown` and `profile` are guarded figures.

    `selects`: `[{field, label, surcharge_micros}]`; `profile`: `{name: [{value, share}]}` in whole per cent.
    """

    card_id: int
    code: str
    title: str
    description: str
    sector: str
    size_shown: int
    base_price_micros: int
    minimum_order: int
    selects: list[dict[str, Any]]
    profile: dict[str, list[dict[str, Any]]]
    published_at: datetime

    @property
    def cpm_cents(self) -> int:
        """The price of a thousand sends without selects."""
        return self.base_price_micros // 10


@dataclass(frozen=True, slots=True)
class DataCard(PublishedCard):
    """A card as its owner sees it."""

    org_id: int
    base_id: int
    base_code: str
    segment_id: int
    segment_code: str
    segment_name: str
    state: Literal["published", "withdrawn", "retired"]
    withdrawn_at: datetime | None


class CountDesk(Protocol):
    """The part of the audience client that the catalogue asks."""

    def size_card(self, base_id: int, rule: Rule, advertiser_id: int | None = None) -> Mapping[str, Any]:
        """What publishing a rule would mean: floor, exclusions, guarded size and profile."""

    def count_for_advertiser(self, viewer_org_id: int, card_id: int, select_rule: Rule | None) -> Mapping[str, Any]:
        """The guarded figure of a selection inside a card."""
