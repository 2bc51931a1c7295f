"""Shares of a mailing with how far they may be trusted, and their comparison with earlier mailings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from broker.bases.confidence import wilson
from broker.mailings.subject_test import VariantCount, difference

Judgement = Literal["more", "less", "same", "unknown"]
NAMES = ("bounces", "clickers", "opt_outs", "complaints")


@dataclass(frozen=True, slots=True)
class Rate:
    """`events` of `size` mails; the true share lies between `low` and `high`, 95 times in 100 (Wilson)."""

    name: str
    events: int
    size: int

    @property
    def share(self) -> float | None:
        """The share; None of nothing."""
        return self.events / self.size if self.size else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """(low, high); None of nothing."""
        return wilson(min(self.events, self.size), self.size) if self.size else None

    def keys(self) -> dict[str, object]:
        """For machines."""
        low, high = self.interval or (None, None)
        return {"events": self.events, "of": self.size, "share": self.share, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class PastMailing:
    """One earlier mailing of the base, of the same kind."""

    code: str
    ended_at: object
    same_card: bool
    sent: int
    accepted: int
    bounced: int
    clickers: int
    opt_outs: int
    complaints: int


@dataclass(frozen=True, slots=True)
class Compared:
    """A rate beside the same one of past mailings taken together; `low`, `high`: of the difference (Newcombe)."""

    now: Rate
    past: Rate
    low: float | None
    high: float | None
    judgement: Judgement


def rates_of(sent: int, delivered: int, bounces: int, clickers: int, opt_outs: int, complaints: int) -> dict[str, Rate]:
    """The four rates: bounces of what was handed over, the others of what arrived."""
    return {
        "bounces": Rate("bounces", bounces, sent),
        "clickers": Rate("clickers", clickers, delivered),
        "opt_outs": Rate("opt_outs", opt_outs, delivered),
        "complaints": Rate("complaints", complaints, delivered),
    }


def compare(now: dict[str, Rate], past: Sequence[PastMailing]) -> tuple[bool, list[Compared]]:
    """(whether those of the same card are meant, the four comparisons); with the base's others where there is none.

    Past mailings are summed up. They differ among each other by more than chance within one of them, so a difference
    called more or less is a hint for a person, not a proof of its cause.
    """
    like = [one for one in past if one.same_card]
    chosen = like or list(past)
    sums = rates_of(
        sum(one.sent for one in chosen),
        sum(max(0, one.sent - one.bounced) for one in chosen),
        sum(one.bounced for one in chosen),
        sum(one.clickers for one in chosen),
        sum(one.opt_outs for one in chosen),
        sum(one.complaints for one in chosen),
    )
    return bool(like), [_compared(now[name], sums[name]) for name in NAMES]


def _compared(now: Rate, past: Rate) -> Compared:
    if not now.size or not past.size:
        return Compared(now, past, None, None, "unknown")
    low, high = difference(
        VariantCount(0, now.size, min(now.events, now.size)), VariantCount(1, past.size, min(past.events, past.size))
    )
    judgement: Judgement = "more" if low > 0 else "less" if high < 0 else "same"
    return Compared(now, past, low, high, judgement)
