"""What is counted for the quality of a base, and what that makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score: `share` of what could be had, and the points that makes of `most`."""

    name: str
    share: float
    points: float
    most: int
    measured: bool = True


@dataclass(frozen=True, slots=True)
class Quality:
    """A snapshot measured. `facts` has, for all and by relation, what `Measured.facts` names."""

    number: int
    contacts: int
    arrivals: int
    departures: int
    rentable: int
    score: int
    parts: list[Part]
    facts: dict[str, Any]
    measured_at: datetime

    def of(self, relation: str) -> dict[str, Any]:
        """The facts of one relation; of everybody for an empty one. Empty where an early snapshot has none."""
        if relation:
            found: dict[str, Any] = self.facts.get("relations", {}).get(relation, {})
            return found
        size = {"contacts": self.contacts, "arrivals": self.arrivals, "departures": self.departures}
        return {**self.facts, **size, "rentable": self.rentable}


@dataclass(frozen=True, slots=True)
class Measured:
    """What is counted of some contacts of a snapshot and their mails: the score is made of nothing else."""

    contacts: int = 0
    arrivals: int = 0
    departures: int = 0
    rentable: int = 0
    filled: dict[str, int] = field(default_factory=dict)  # core column → contacts that have a value
    traits: dict[str, int] = field(default_factory=dict)  # the same of the trade's own; they score nothing
    not_rentable: dict[str, int] = field(default_factory=dict)  # reason → contacts; each under the first that holds
    fresh: int = 0  # purchase, activity or click within a year
    ages: dict[str, dict[str, int]] = field(default_factory=dict)  # of AGED: bucket of AGES → contacts
    sent: int = 0
    bounced: int = 0
    complained: int = 0

    def facts(self) -> dict[str, Any]:
        """As it is kept: rates as shares, None where nothing was sent."""
        whole = max(1, self.contacts)
        return {
            "completeness": {name: round(count / whole, 4) for name, count in sorted(self.filled.items())},
            "filled": self.filled,
            "traits": self.traits,
            "not_rentable": self.not_rentable,
            "fresh": self.fresh,
            "ages": self.ages,
            "sent": self.sent,
            "bounced": self.bounced,
            "complained": self.complained,
            "bounce_rate": round(self.bounced / self.sent, 5) if self.sent else None,
            "complaint_rate": round(self.complained / self.sent, 5) if self.sent else None,
        }

    def sized_facts(self) -> dict[str, Any]:
        """The same with the sizes, which a whole snapshot keeps in columns of their own."""
        size = {"contacts": self.contacts, "arrivals": self.arrivals, "departures": self.departures}
        return {**self.facts(), **size, "rentable": self.rentable}
