"""What a base is worth to its owner, snapshot by snapshot, as a score of 0 to 100 that its parts explain.

The score is made of its parts' points. Each part is a share (0 to 1) with a weight, so that an owner sees what would
raise it: more proofs, fuller fields, fresher contacts, fewer bounces and complaints. A part that nothing was measured
for (no mail has left yet) is left out, and the score is taken over the weights of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from broker.bases import quality_store
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork

# Part → points. Defaults of ours: what can be rented weighs most, since nothing else brings revenue.
WEIGHTS: Mapping[str, int] = {"rentable": 40, "completeness": 20, "freshness": 20, "bounces": 10, "complaints": 10}
WORST_BOUNCE_RATE = 0.05  # from here on the part is worth nothing
WORST_COMPLAINT_RATE = 0.003  # where a mailing is stopped (DOMAIN section 5)
RELATIONS = ("customer", "prospect")
# How long ago, in months: each bucket reaches to the next bound; `older` is beyond the last, `never` has no date.
AGE_MONTHS = (3, 6, 12, 24, 36)
AGES = (*(str(months) for months in AGE_MONTHS), "older", "never")
AGED = ("purchase", "activity", "click")  # activity: consent given, or a visit
FRESH_MONTHS = 12


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


def together(some: Measured, others: Measured) -> Measured:
    """Two groups that share nobody, as one."""
    return Measured(
        contacts=some.contacts + others.contacts,
        arrivals=some.arrivals + others.arrivals,
        departures=some.departures + others.departures,
        rentable=some.rentable + others.rentable,
        filled=_added(some.filled, others.filled),
        traits=_added(some.traits, others.traits),
        not_rentable=_added(some.not_rentable, others.not_rentable),
        fresh=some.fresh + others.fresh,
        ages={
            name: _added(some.ages.get(name, {}), others.ages.get(name, {})) for name in {**some.ages, **others.ages}
        },
        sent=some.sent + others.sent,
        bounced=some.bounced + others.bounced,
        complained=some.complained + others.complained,
    )


def score_of(measured: Measured) -> tuple[int, list[Part], dict[str, Any]]:
    """(score, its parts, the facts behind them). An empty base scores 0."""
    facts = measured.facts()
    whole, completeness = max(1, measured.contacts), facts["completeness"]
    bounces, complaints = facts["bounce_rate"], facts["complaint_rate"]
    shares = {
        "rentable": measured.rentable / whole,
        "completeness": sum(completeness.values()) / max(1, len(completeness)),
        "freshness": measured.fresh / whole,
        "bounces": None if bounces is None else max(0.0, 1 - bounces / WORST_BOUNCE_RATE),
        "complaints": None if complaints is None else max(0.0, 1 - complaints / WORST_COMPLAINT_RATE),
    }
    parts = []
    for name, most in WEIGHTS.items():
        share = shares[name] if measured.contacts else 0.0
        known = share is not None
        parts.append(Part(name, round(share or 0.0, 4), round((share or 0.0) * most, 1), most, known))
    counted = [part for part in parts if part.measured]
    points = sum(part.share * part.most for part in counted)
    return round(100 * points / sum(part.most for part in counted)), parts, facts


def quality_of(unit: UnitOfWork, base_code: str) -> list[Quality]:
    """The base's snapshots measured, newest first; the first is how it stands."""
    rows = quality_store.measured(unit, find_base(unit, base_code).id)
    return [
        Quality(
            row.number,
            row.contacts,
            row.arrivals,
            row.departures,
            row.rentable,
            row.score,
            [Part(**part) for part in row.parts],
            row.facts,
            row.measured_at,
        )
        for row in rows
    ]


def _added(some: Mapping[str, int], others: Mapping[str, int]) -> dict[str, int]:
    return {name: some.get(name, 0) + others.get(name, 0) for name in {**some, **others}}
