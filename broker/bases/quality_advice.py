"""What would raise the quality of a base, and by how much: each sentence of the page comes from one row of this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.bases.quality import WORST_BOUNCE_RATE, WORST_COMPLAINT_RATE
from broker.bases.quality_model import Part, Quality

SHOWN_A_PART = 3


@dataclass(frozen=True, slots=True)
class Advice:
    """`what` (a reason, a field, `stale`, `bounced`, `complained`) concerns so many `contacts`: mended, it would give
    so many points of the score.
    """

    part: str
    what: str
    contacts: int
    points: float


def advice_on(quality: Quality) -> dict[str, list[Advice]]:
    """Part → what would raise it, the most first. A part that is full, or was not measured, has none."""
    whole = sum(part.most for part in quality.parts if part.measured)
    if not quality.contacts or not whole:
        return {part.name: [] for part in quality.parts}
    return {part.name: _of_part(part, quality, 100 / whole)[:SHOWN_A_PART] for part in quality.parts}


def _of_part(part: Part, quality: Quality, scale: float) -> list[Advice]:
    """`scale` turns a part's points into points of the score."""
    facts, people, most = quality.facts, quality.contacts, part.most * scale
    if not part.measured:
        return []
    if part.name == "rentable":
        return _ranked(part.name, facts.get("not_rentable", {}), most / people)
    if part.name == "completeness":
        filled: Mapping[str, float] = facts.get("completeness", {})
        missing = {name: people - round(share * people) for name, share in filled.items()}
        return _ranked(part.name, missing, most / people / max(1, len(filled)))
    if part.name == "freshness":
        return _ranked(part.name, {"stale": people - int(facts.get("fresh", 0))}, most / people)
    rate, worst, what = (
        ("bounce_rate", WORST_BOUNCE_RATE, "bounced")
        if part.name == "bounces"
        else ("complaint_rate", WORST_COMPLAINT_RATE, "complained")
    )
    count = _count(facts, what, rate)
    lost = (1 - part.share) * most
    return [Advice(part.name, what, count, round(lost, 1))] if count and worst else []


def _ranked(part: str, counts: Mapping[str, int], points_each: float) -> list[Advice]:
    rows = [Advice(part, what, count, round(count * points_each, 1)) for what, count in counts.items() if count > 0]
    return sorted(rows, key=lambda row: (-row.points, row.what))


def _count(facts: Mapping[str, Any], what: str, rate: str) -> int:
    return int(facts.get(what) or round(int(facts.get("sent") or 0) * float(facts.get(rate) or 0)))
