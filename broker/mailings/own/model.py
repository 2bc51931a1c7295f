"""Rows of own mailings, and the small rules about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from broker.audience.rule import Rule
from broker.kernel.clock import PARIS

GOALS = ("loyalty", "prospecting")
BASES = ("consent", "customers", "either")
# The life of an own mailing, written once: state → states it may go to. The front may take none of WORKER_STEPS.
TRANSITIONS: Mapping[str, frozenset[str]] = {
    "draft": frozenset({"active", "cancelled"}),
    "active": frozenset({"paused", "cancelled", "done", "failed"}),
    "paused": frozenset({"active", "cancelled"}),
    "done": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}
WORKER_STEPS = frozenset({"done", "failed"})
MOST_VARIANTS = 20
MOST_HELD_OUT_BP = 5_000
SMALLEST_WINDOW, LONGEST_WINDOW = 1, 365


@dataclass(frozen=True, slots=True)
class OwnMailing:
    """What an owner writes to its own people.

    `likeness` says why what it offers is similar to what customers bought (only asked for where customers are written
    to without consent). `cost_micros` is the cost of one mail in micro-euro, `cost_cents` of the whole.
    """

    id: int
    code: str
    org_id: int
    base_id: int
    base_code: str
    base_name: str
    name: str
    goal: str
    legal_basis: str
    likeness: str
    schedule: str
    starts_at: datetime | None
    send_hour: int
    event_kind: str | None
    event_field: str
    event_days: int
    backlog: bool
    category: str
    held_out_bp: int
    held_out_seed: int
    window_days: int
    cost_cents: int
    cost_micros: int
    state: str
    problem: str | None
    since: date | None
    next_run_at: datetime | None
    created_at: datetime

    @property
    def daily(self) -> bool:
        """Whether it is a standing mailing: each day to whom an event falls due."""
        return self.schedule == "daily"


@dataclass(frozen=True, slots=True)
class OwnVariant:
    """One message for one segment; no segment is everybody of the base whom no earlier variant takes."""

    id: int
    place: int
    segment_code: str | None
    segment_name: str | None
    rule_text: str | None
    rule: Rule | None
    creative_id: int | None
    creative_code: str | None
    creative_name: str | None
    subject: str | None
    signed: bool


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What one run made of one variant; without a mailing nobody was left."""

    run_on: date
    place: int
    segment_name: str | None
    mailing_code: str | None
    state: str | None
    people: int
    held_out: int
    exclusions: dict[str, int]


def first_run(now: datetime, hour: int) -> datetime:
    """When a standing mailing first runs: today at its hour where that is still to come, else tomorrow at it."""
    today = datetime.combine(now.astimezone(PARIS).date(), time(hour), PARIS)
    return today if today > now else next_run(now, hour)


def next_run(now: datetime, hour: int) -> datetime:
    """Tomorrow at an hour of Paris: an hour that a change of clocks skips or repeats comes once."""
    return datetime.combine(now.astimezone(PARIS).date() + timedelta(days=1), time(hour), PARIS)
