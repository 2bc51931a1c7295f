"""What a base is worth to its owner, snapshot by snapshot, as a score of 0 to 100 that its parts explain.

The score is made of its parts' points. Each part is a share (0 to 1) with a weight, so that an owner sees what would
raise it: more proofs, fuller fields, fresher contacts, fewer bounces and complaints. A part that nothing was measured
for (no mail has left yet) is left out, and the score is taken over the weights of the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from broker.bases import quality_store
from broker.bases.find_base import find_base
from broker.bases.quality_model import Measured, Part, Quality
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
