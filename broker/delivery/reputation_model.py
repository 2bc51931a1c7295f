"""How mail fares by sending domain, relay and mailbox provider, and when it is held. Rates: 1/100 %."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from broker.kernel.settings import ReputationSettings

HoldKind = Literal["sending_domain", "relay", "provider"]
Reason = Literal["complaints", "hard_bounces", "blocked", "records"]
KINDS: tuple[HoldKind, ...] = ("sending_domain", "relay", "provider")
OTHERS = "other"  # what stands for many small domains is never held: it is nobody's


@dataclass(frozen=True, slots=True)
class Standing:
    """Sums of one name. `refused` in the dialogue; `blocked`: refused or put off for policy, content or reputation;
    `hard`, `soft`: returned later."""

    kind: HoldKind
    name: str
    accepted: int
    refused: int
    blocked: int
    deferred: int
    uncertain: int
    hard: int
    soft: int
    complaints: int

    @property
    def sent(self) -> int:
        """Mails that got an answer for good."""
        return self.accepted + self.refused

    def rate_bp(self, count: int) -> int:
        """Of mails sent, in hundredths of a per cent."""
        return count * 10_000 // self.sent if self.sent else 0


@dataclass(frozen=True, slots=True)
class Hold:
    """Mail that is held, and how it ended."""

    code: str
    kind: HoldKind
    name: str
    reason: Reason
    sent: int
    counted: int
    at: datetime
    released_at: datetime | None
    released_by: str | None
    release_reason: str | None


@dataclass(frozen=True, slots=True)
class Holds:
    """Everything that is held now."""

    sending_domains: frozenset[str]
    relays: frozenset[str]
    providers: frozenset[str]


def judge(standing: Standing, limits: ReputationSettings) -> tuple[Reason, int] | None:
    """The first threshold that is reached, with the count; None while there are too few mails to tell."""
    if standing.sent < limits.least_mails or (standing.kind == "provider" and standing.name == OTHERS):
        return None
    asked: tuple[tuple[Reason, int, int], ...] = (
        ("complaints", standing.complaints, limits.complaints_bp),
        ("hard_bounces", standing.hard, limits.hard_bounces_bp),
        ("blocked", standing.blocked, limits.blocked_bp),
    )
    for reason, count, limit in asked:
        if standing.rate_bp(count) >= limit:
            return reason, count
    return None
