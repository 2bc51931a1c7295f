"""What an owner lets the platform answer by itself: rules that refuse, rules that approve, and how they are read.

A rule's conditions must all hold; within one of them any value will do. Refusals come first, in the order in which
they were written, then approvals. Without a rule a person answers, except where a card asks for an advertiser's first
message only and a person has approved one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from broker.kernel.errors import InvalidInput

Effect = Literal["refuse", "approve"]
FIRST_MESSAGE = "each_advertiser"  # the card's own policy, named as the rule where it decides


@dataclass(frozen=True, slots=True)
class ApprovalRule:
    """One rule of an owner. `least_price_micros` is of a send; domains hold for their subdomains too."""

    id: int
    code: str
    base_code: str | None
    effect: Effect
    title: str
    advertisers: tuple[str, ...]
    sectors: tuple[str, ...]
    domains: tuple[str, ...]
    least_price_micros: int | None
    most_volume: int | None
    reason: str
    active: bool
    created_at: datetime
    stopped_at: datetime | None

    @property
    def least_cpm_cents(self) -> int | None:
        """The price floor as owners say it: per thousand."""
        return None if self.least_price_micros is None else self.least_price_micros // 10


@dataclass(frozen=True, slots=True)
class Asked:
    """What an order asks for, as rules see it. `domains`: of landing pages, and those its people write from."""

    base_code: str
    advertiser_code: str
    sectors: frozenset[str]
    domains: frozenset[str]
    price_micros: int
    volume: int


@dataclass(frozen=True, slots=True)
class Review:
    """Until when an order is to be answered. With `change_text` it is the advertiser's turn."""

    due_on: date
    expires_on: date
    answer_days: int
    change_text: str | None
    change_asked_at: datetime | None
    rounds: int


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """What an owner asks of every order. `grace_days`: working days from the due day to the expiry."""

    signed_orders: bool = False
    grace_days: int = 3


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided of an order, by a person or by a rule (its code, or `each_advertiser`)."""

    decision: str
    made_by: str
    rule: str
    reason: str
    at: datetime


def matches(rule: ApprovalRule, asked: Asked) -> bool:
    """Whether all of a rule's conditions hold of an order."""
    return (
        rule.active
        and rule.base_code in (None, asked.base_code)
        and (not rule.advertisers or asked.advertiser_code in rule.advertisers)
        and (not rule.sectors or not asked.sectors.isdisjoint(rule.sectors))
        and (not rule.domains or any(under(domain, rule.domains) for domain in asked.domains))
        and (rule.least_price_micros is None or asked.price_micros >= rule.least_price_micros)
        and (rule.most_volume is None or asked.volume <= rule.most_volume)
    )


def deciding_rule(rules: Sequence[ApprovalRule], asked: Asked) -> ApprovalRule | None:
    """The rule that answers an order: the first refusal that matches, else the first approval."""
    return next(
        (rule for effect in ("refuse", "approve") for rule in rules if rule.effect == effect and matches(rule, asked)),
        None,
    )


def under(domain: str, blocked: Sequence[str]) -> bool:
    """Whether a host is one of these domains or below one: `shop.example.com` is under `example.com`."""
    return any(domain == one or domain.endswith(f".{one}") for one in blocked)


def clean_domain(text: str) -> str:
    """A domain as it is compared: lower case, in the form of the DNS (IDNA); a whole address gives its host."""
    plain = text.strip().lower().partition("://")[2] or text.strip().lower()
    host = plain.partition("/")[0].rpartition("@")[2].partition(":")[0].strip(".").removeprefix("*.")
    try:
        name = host.encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if "." not in name or not all(part and part.replace("-", "").isalnum() for part in name.split(".")):
        raise InvalidInput(
            f"{text.strip()!r} is no domain; write it as example.com.", code="bad_domain", field="domains"
        )
    return name
