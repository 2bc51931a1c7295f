"""Segments that a goal suggests, each with its reason: from classes, habits, tiers and findings of the base.

Loyalty asks for customers who are worth keeping, thanking or winning back; prospecting for people who never bought, or
hardly. A proposal is a rule, not people: who it takes is counted before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from broker.audience.check import check_rule
from broker.audience.columns import columns_from_json, with_derived
from broker.audience.parse import parse_with_places
from broker.audience.words import written
from broker.audit.record import record
from broker.catalogue.segments import create_segment
from broker.insight.base_insight import insight_of
from broker.insight.own_base import own_base
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, InvalidInput
from broker.mailings.own.model import GOALS

MOST_FINDINGS = 5
# (class of our own names, why): owners who renamed their classes get those that they have, by place in the list.
LOYAL = (
    ("champions", "best"),
    ("loyal", "keep"),
    ("potential_loyal", "second"),
    ("new", "welcome"),
    ("cannot_lose", "win_back"),
    ("at_risk", "win_back"),
    ("about_to_sleep", "wake"),
)
PROSPECTS = (
    ("relation = prospect", "prospects"),
    ("relation = prospect and click_days <= 90", "clicked"),
    ("relation = prospect and consent_at >= today - 30 days", "fresh"),
    ("relation = prospect and visit_days <= 90", "visited"),
)


@dataclass(frozen=True, slots=True)
class ProposedSegment:
    """A segment that a goal suggests. `name` and `why` are words that pages translate; `what` is what they speak of.

    `customers` and `revenue_cents` are those of the findings, None where nothing was counted.
    """

    goal: str
    name: str
    why: str
    what: str
    rule_text: str
    customers: int | None = None
    revenue_cents: int | None = None


def propose_segments(unit: UnitOfWork, base_code: str, goal: str) -> list[ProposedSegment]:
    """What the base's findings suggest for a goal, the most telling first; none before the first import."""
    if goal not in GOALS:
        raise InvalidInput(f"Choose one of {', '.join(GOALS)}.", code="bad_goal", field="goal")
    base = own_base(unit, base_code)
    if base.columns is None:
        return []
    columns = with_derived(columns_from_json(base.columns))
    try:
        found: dict[str, Any] = insight_of(unit, base_code, 1).latest.found
    except Conflict:
        found = {}
    wanted = _loyal(found) if goal == "loyalty" else _prospects()
    return [one for one in wanted if _can_be_asked(one.rule_text, columns)]


def _loyal(found: dict[str, Any]) -> list[ProposedSegment]:
    proposals = []
    off = next((row for row in found.get("off_cycle") or [] if row["name"] == "yes"), None)
    if off and off["customers"]:
        proposals.append(
            ProposedSegment(
                "loyalty", "off_cycle", "late", "", "off_cycle = yes", off["customers"], off.get("revenue_cents")
            )
        )
    classes = {row["name"]: row for row in found.get("classes") or []}
    for name, why in LOYAL:
        row = classes.get(name)
        if row and row["customers"]:
            proposals.append(_of_class(name, why, row))
    known = {name for name, _ in LOYAL} | {"lost", "promising"}
    for name, row in classes.items():
        if name not in known and row["customers"]:
            proposals.append(_of_class(name, "class", row))
    for row in ((found.get("affinity") or {}).get("rows") or [])[:MOST_FINDINGS]:
        if row["mix_lift"] > 1:
            why = "surprise" if row.get("surprise") else "affinity"
            proposals.append(
                ProposedSegment("loyalty", row["group"], why, str(row["item"]), row["rule"], row["customers"])
            )
    large = next((row for row in found.get("tiers") or [] if row["name"] == "large"), None)
    if large and large["customers"]:
        rule = "value_tier = large"
        proposals.append(
            ProposedSegment("loyalty", "tier_large", "large", "", rule, large["customers"], large.get("revenue_cents"))
        )
    return proposals


def _of_class(name: str, why: str, row: dict[str, Any]) -> ProposedSegment:
    rule = f"rfm_class = {written(name)}"
    return ProposedSegment("loyalty", name, why, "", rule, row["customers"], row.get("revenue_cents"))


def _prospects() -> list[ProposedSegment]:
    return [ProposedSegment("prospecting", f"goal_{why}", why, "", rule) for rule, why in PROSPECTS]


def _can_be_asked(text: str, columns: Any) -> bool:
    try:
        rule, places = parse_with_places(text)
        check_rule(rule, columns, places)
    except CourtierError:
        return False
    return True


def segment_of_proposal(unit: UnitOfWork, base_code: str, name: str, rule_text: str) -> str:
    """Save a proposal as a segment of the base; returns its code. As `create_segment`."""
    segment = create_segment(unit, base_code, name, rule_text)
    record(unit, "own_mailing.segment_taken", "segment", segment.code, base=base_code)
    return segment.code
