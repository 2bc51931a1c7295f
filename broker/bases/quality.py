"""What a base is worth to its owner, snapshot by snapshot, as a score of 0 to 100 that its parts explain.

The score is the sum of its parts' points. Each part is a share (0 to 1) with a weight, so that an owner sees what would
raise it: more proofs, fuller fields, fresher contacts, fewer bounces and complaints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from broker.bases import quality_store
from broker.bases.find_base import find_base
from broker.kernel.database import UnitOfWork

# Part → points. Defaults of ours: what can be rented weighs most, since nothing else brings revenue.
WEIGHTS: Mapping[str, int] = {"rentable": 40, "completeness": 20, "freshness": 20, "bounces": 10, "complaints": 10}
WORST_BOUNCE_RATE = 0.05  # from here on the part is worth nothing
WORST_COMPLAINT_RATE = 0.003  # where a mailing is stopped (DOMAIN section 5)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a score: `share` of what could be had, and the points that makes of `most`."""

    name: str
    share: float
    points: float
    most: int


@dataclass(frozen=True, slots=True)
class Quality:
    """A snapshot measured. `facts` has completeness per field, not_rentable by reason, ages, rates."""

    number: int
    contacts: int
    arrivals: int
    departures: int
    rentable: int
    score: int
    parts: list[Part]
    facts: dict[str, Any]
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """What is counted in a snapshot and its sends: the score is made of nothing else."""

    contacts: int
    arrivals: int
    departures: int
    rentable: int
    filled: dict[str, int]  # column → contacts that have a value
    not_rentable: dict[str, int]  # reason → contacts; a contact counts under the first that holds
    fresh: int  # consent, purchase or first sight within a year
    sent: int
    bounced: int
    complained: int


def score_of(measured: Measured) -> tuple[int, list[Part], dict[str, Any]]:
    """(score, its parts, the facts behind them). An empty base scores 0."""
    whole = max(1, measured.contacts)
    completeness = {name: round(count / whole, 4) for name, count in sorted(measured.filled.items())}
    rates = {
        "bounces": measured.bounced / measured.sent if measured.sent else 0.0,
        "complaints": measured.complained / measured.sent if measured.sent else 0.0,
    }
    shares = {
        "rentable": measured.rentable / whole,
        "completeness": sum(completeness.values()) / max(1, len(completeness)),
        "freshness": measured.fresh / whole,
        "bounces": max(0.0, 1 - rates["bounces"] / WORST_BOUNCE_RATE),
        "complaints": max(0.0, 1 - rates["complaints"] / WORST_COMPLAINT_RATE),
    }
    if not measured.contacts:
        shares = dict.fromkeys(shares, 0.0)
    parts = [Part(name, round(shares[name], 4), round(shares[name] * most, 1), most) for name, most in WEIGHTS.items()]
    facts = {
        "completeness": completeness,
        "not_rentable": measured.not_rentable,
        "fresh": measured.fresh,
        "sent": measured.sent,
        "bounce_rate": round(rates["bounces"], 5) if measured.sent else None,
        "complaint_rate": round(rates["complaints"], 5) if measured.sent else None,
    }
    return round(sum(shares[name] * most for name, most in WEIGHTS.items())), parts, facts


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
