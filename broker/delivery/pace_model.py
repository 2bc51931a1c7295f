"""How fast and how many at once: limits of relays, of the big providers, of single recipient domains.

What ships with the program (data/providers.csv) are cautious starting points of our own: no provider publishes firm
figures, and what it takes depends on a sender's name. The broker's rules go before them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Literal

from broker.kernel.errors import InvalidInput

Scope = Literal["relay", "provider", "domain"]
SCOPES: tuple[Scope, ...] = ("relay", "provider", "domain")
LONGEST_PLAN = 366  # days
_PROVIDERS = Path(__file__).parent / "data" / "providers.csv"
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}").fullmatch
_RELAY = re.compile(r"\S{1,250}:\d{1,5}").fullmatch

Key = tuple[str, str]  # scope, name


@dataclass(frozen=True, slots=True)
class Pace:
    """A limit; None where there is none."""

    per_minute: int | None
    at_once: int | None

    @property
    def limits(self) -> bool:
        """Whether it limits anything."""
        return self.per_minute is not None or self.at_once is not None


@dataclass(frozen=True, slots=True)
class PaceRule:
    """A limit of one relay, provider or domain; `shipped` where nobody has changed it."""

    scope: Scope
    name: str
    pace: Pace
    shipped: bool


@cache
def shipped_providers() -> Mapping[str, tuple[Pace, tuple[str, ...]]]:
    """Provider → its limit and its domains."""
    with _PROVIDERS.open(encoding="ascii", newline="") as file:
        return {
            row["provider"]: (Pace(int(row["per_minute"]), int(row["at_once"])), tuple(row["domains"].split()))
            for row in csv.DictReader(file)
        }


class Paces:
    """The limits in force: the broker's over those that ship."""

    def __init__(self, own: Sequence[PaceRule]) -> None:
        self._paces: dict[Key, Pace] = {}
        self._provider_of: dict[str, str] = {}
        for provider, (pace, domains) in shipped_providers().items():
            self._paces["provider", provider] = pace
            self._provider_of.update(dict.fromkeys(domains, provider))
        for rule in own:
            self._paces[rule.scope, rule.name] = rule.pace

    def of_relay(self, label: str) -> Key | None:
        """The key of a relay that has a limit."""
        return self._limited(("relay", label))

    def of_domain(self, domain: str) -> Key | None:
        """The key that a recipient domain's mails count under: its own, else its provider's; None without a limit."""
        if ("domain", domain) in self._paces:
            return self._limited(("domain", domain))
        provider = self._provider_of.get(domain)
        return None if provider is None else self._limited(("provider", provider))

    def _limited(self, key: Key) -> Key | None:
        pace = self._paces.get(key)
        return key if pace is not None and pace.limits else None

    def __getitem__(self, key: Key) -> Pace:
        return self._paces[key]


def check_name(scope: str, name: str) -> Scope:
    """Refuse what names no relay, provider or domain."""
    if scope not in SCOPES:
        raise InvalidInput(f"A pace is set for a {', a '.join(SCOPES)}.", code="bad_pace")
    if scope == "provider" and name not in shipped_providers():
        near = get_close_matches(name, shipped_providers(), n=1)
        meant = f" Did you mean {near[0]}?" if near else ""
        raise InvalidInput(
            f"There is no provider '{name}'.{meant} Known: {', '.join(shipped_providers())}. For any other domain set"
            " the pace of that domain.",
            code="unknown_provider",
        )
    if scope == "domain" and not _DOMAIN(name):
        raise InvalidInput(f"'{name}' is no recipient domain: write it like exemple.fr.", code="bad_domain")
    if scope == "relay" and not _RELAY(name):
        raise InvalidInput(
            f"'{name}' is no relay: write it like mail.exemple.fr:25, as in mail.relays.", code="bad_relay"
        )
    return scope


def check_limit(value: int | None, what: str) -> None:
    """Refuse a limit under one."""
    if value is not None and not 1 <= value <= 10_000_000:
        raise InvalidInput(f"{what} is a number from 1 to 10,000,000, or none.", code="bad_pace")


def growing_caps(first: int, growth_bp: int, until: int) -> tuple[int, ...]:
    """Daily caps from `first` on, each `growth_bp` ten-thousandths of the one before, as long as under `until`."""
    if first < 1 or until < first or not 10_100 <= growth_bp <= 50_000:
        raise InvalidInput(
            "A warm-up begins with at least one mail a day, ends above that, and grows by 1 to 400 % a day.",
            code="bad_warm_up",
        )
    caps = [first]
    while caps[-1] < until and len(caps) < LONGEST_PLAN:
        caps.append(max(caps[-1] + 1, caps[-1] * growth_bp // 10_000))
    return tuple(caps[:-1]) if len(caps) > 1 else tuple(caps)
