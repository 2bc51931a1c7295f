"""Which variant of a subject won: by human clicks, with the statistics said. Pure.

Counted is, for each variant, who of its part of the test group was written to (accepted, not bounced) and clicked, as a
person (scanners left out, a person once). The highest share of clickers wins. How sure that is: Fisher's exact test,
two-sided, of the best against each other variant, corrected after Holm; and the interval of the difference (Newcombe,
Statistics in Medicine 17, 1998, method 10: Wilson's score intervals combined). Opens decide nothing: mail programmes
make them by themselves.

The rest of the mailing goes with the winner even where it is not proven: one of them has to leave, and the one ahead
is the better bet. Of equal shares the first by letter goes; with no click at all variant A, the message itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp, lgamma, sqrt
from typing import Literal

from broker.bases.confidence import wilson

LEVEL = 0.05
Verdict = Literal["proven", "ahead", "tie", "no_clicks", "nobody", "by_hand"]


@dataclass(frozen=True, slots=True)
class VariantCount:
    """One variant's part of the test group: who was written to, and who of them clicked."""

    variant: int
    written: int
    clickers: int

    @property
    def share(self) -> float:
        """Clickers of those written to."""
        return self.clickers / self.written if self.written else 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """`p_value` and the interval (of the winner's share minus the runner-up's) are None where nothing was compared."""

    winner: int
    verdict: Verdict
    counts: tuple[VariantCount, ...]
    runner_up: int | None = None
    p_value: float | None = None
    low: float | None = None
    high: float | None = None

    def keys(self) -> dict[str, object]:
        """As it is kept and shown."""
        return asdict(self)


def decide(counts: Sequence[VariantCount]) -> Decision:
    """The winner of a test; always one, the same for the same counts."""
    ordered = tuple(sorted(counts, key=lambda one: one.variant))
    if not any(one.written for one in ordered):
        return Decision(0, "nobody", ordered)
    if not any(one.clickers for one in ordered):
        return Decision(0, "no_clicks", ordered)
    ranked = sorted(ordered, key=lambda one: (-one.share, one.variant))
    best, second = ranked[0], ranked[1]
    low, high = difference(best, second) if second.written else (None, None)
    against = [fisher(best, other) for other in ranked[1:]]
    p_value = max(_holm(against))
    if best.share == second.share:  # equal quotients are equal floats; the first of them stands first
        return Decision(best.variant, "tie", ordered, second.variant, 1.0)
    verdict: Verdict = "proven" if p_value < LEVEL else "ahead"
    return Decision(best.variant, verdict, ordered, second.variant, p_value, low, high)


def difference(first: VariantCount, second: VariantCount) -> tuple[float, float]:
    """Between which two values the difference of the true shares lies, 95 times in 100."""
    low1, high1 = wilson(first.clickers, first.written)
    low2, high2 = wilson(second.clickers, second.written)
    gap = first.share - second.share
    low = gap - sqrt((first.share - low1) ** 2 + (high2 - second.share) ** 2)
    high = gap + sqrt((high1 - first.share) ** 2 + (second.share - low2) ** 2)
    return max(-1.0, low), min(1.0, high)


def fisher(first: VariantCount, second: VariantCount) -> float:
    """The two-sided p-value of Fisher's exact test: all tables as unlikely as this one, or more, together."""
    clickers, written, everybody = first.clickers + second.clickers, first.written, first.written + second.written
    seen = _log_chance(first.clickers, clickers, written, everybody)
    least, most = max(0, clickers - second.written), min(clickers, written)
    chances = (_log_chance(at, clickers, written, everybody) for at in range(least, most + 1))
    return min(1.0, sum(exp(one) for one in chances if one <= seen + 1e-7))


def _log_chance(at: int, clickers: int, written: int, everybody: int) -> float:
    """The logarithm of the hypergeometric probability of `at` clickers among those written to."""
    return _choose(clickers, at) + _choose(everybody - clickers, written - at) - _choose(everybody, written)


def _choose(count: int, of_them: int) -> float:
    return lgamma(count + 1) - lgamma(of_them + 1) - lgamma(count - of_them + 1)


def _holm(p_values: Sequence[float]) -> list[float]:
    order = sorted(range(len(p_values)), key=lambda at: p_values[at])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[at]))
        corrected[at] = highest
    return corrected
