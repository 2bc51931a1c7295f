"""Rows of segments and data cards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

from broker.audience.rule import Rule

Approval = Literal["each_piece", "each_advertiser"]
LANGUAGES = ("fr", "en", "de", "es", "it", "nl", "pt")


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

    `selects`: `[{field, label, surcharge_micros}]`; `profile`: `{name: [{value, share}]}` in whole per cent; `tables`:
    `{"age|gender": {rows, columns, shares}}`. `clicks_bp`: people who clicked in ten thousand mails, over several
    advertisers' mailings; None where there were too few of them. `refreshed_on`: the day of the snapshot shown.
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
    contact_kind: Literal["b2c", "b2b"]
    languages: list[str]
    approval: Approval
    approval_days: int
    approval_note: str
    refused_sectors: list[str]
    tables: dict[str, dict[str, Any]]
    refreshed_on: date | None
    clicks_bp: int | None

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
    refused_advertisers: list[str]


@dataclass(frozen=True, slots=True)
class CardTerms:
    """What an owner asks of whoever books a card. Refused advertisers are told to nobody but themselves."""

    languages: tuple[str, ...] = ("fr",)
    approval: Approval = "each_piece"
    approval_days: int = 2
    approval_note: str = ""
    refused_sectors: tuple[str, ...] = ()
    refused_advertisers: tuple[str, ...] = ()


class CountDesk(Protocol):
    """The part of the audience client that the catalogue asks."""

    def size_card(
        self, base_id: int, rule: Rule, advertiser_id: int | None = None, card_id: int | None = None
    ) -> Mapping[str, Any]:
        """What publishing a rule would mean: floor, exclusions, guarded size, profile and tables."""

    def count_for_advertiser(
        self, viewer_org_id: int, card_id: int, select_rule: Rule | None, send_on: date | None = None
    ) -> Mapping[str, Any]:
        """The guarded figure of a selection inside a card, net of what is held on a day if one is given."""

    def count_cards(
        self, viewer_org_id: int, parts: Sequence[Mapping[str, Any]], send_on: date | None = None
    ) -> Mapping[str, Any]:
        """The guarded figures of several cards with selects, each and together."""
