"""A conversion: a click, lead or sale that a programme pays for, and its life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["click", "lead", "sale"]
State = Literal["pending", "approved", "declined", "refused", "locked", "paid"]
Source = Literal["postback", "api", "file", "console", "click"]

KINDS: tuple[Kind, ...] = ("click", "lead", "sale")
REPORTED: tuple[Kind, ...] = ("lead", "sale")  # clicks are our own to count
STATES: tuple[State, ...] = ("pending", "approved", "declined", "refused", "locked", "paid")

# The same rows stand in the database (conversion_transition). Refused ones were never let in: kept with their reason.
TRANSITIONS: frozenset[tuple[State, State]] = frozenset(
    {("pending", "approved"), ("pending", "declined"), ("approved", "locked"), ("locked", "paid")}
)

# Why a report is kept and not paid, as the database says it.
REFUSALS: dict[str, str] = {
    "reference_used": "This reference was reported before, with another click or amount.",
    "not_paid": "The programme does not pay for this kind.",
    "mailing_settled": "Its mailing is settled already.",
    "repeated_click": "The same device clicked in this newsletter before, on the same day.",
    "in_future": "The date lies in the future.",
    "before_click": "It happened before the first click of this click id.",
    "outside_window": "It happened after the attribution window.",
    "late": "It was reported after the days that the programme gives for reports.",
    "programme_ended": "The click came after the programme's last day.",
    "budget_used": "The programme's budget is used up.",
    "owner_cap": "The programme's cap for this owner is reached.",
    "day_cap": "The programme's cap for this day is reached.",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """One conversion. `price_micros` is what the advertiser pays; `reference` is the advertiser's alone to read."""

    id: int
    code: str
    programme_code: str
    programme_title: str
    participation_code: str
    owner_name: str
    mailing_code: str
    kind: Kind
    reference: str
    amount_cents: int | None
    price_micros: int
    state: State
    reason: str
    source: Source
    clicked_at: datetime | None
    happened_at: datetime
    received_at: datetime
    due_at: datetime
    extended: bool
    repeats: int
    signs: dict[str, dict[str, object]]  # fraud signs with their evidence; empty for owners


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of a report. `fresh` is False when the same was said before: nothing changed. `test`: everything
    was in order, and nothing was kept, for the click id was the one for trying."""

    code: str
    state: State | Literal["test"]
    reason: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class ConversionSums:
    """Numbers and micros of one state and kind."""

    kind: Kind
    state: State
    count: int
    price_micros: int
    amount_cents: int
