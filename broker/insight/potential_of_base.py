"""The potential of a base's customers, and how well the model fits: never a number that the data do not carry.

The models are those of potential.py in weeks. The log is observed until its last purchase: an old export is no silence.
They are fitted on at most FITTED customers, drawn evenly; every customer's expectation is worked out. Fit is shown as
the authors do: how many customers came back 0, 1, 2 … times and how many the model says, and a prediction of the last
fifth of the log from what came before.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from broker.insight.potential import (
    BgNbd,
    Floats,
    GammaGamma,
    Histories,
    expected_purchases,
    expected_transaction_value,
    fit_bg_nbd,
    fit_gamma_gamma,
    probability_alive,
)
from broker.kernel.errors import InvalidInput

FITTED = 20_000
FEWEST_RETURNED = 100
FEWEST_WEEKS = 8
SHOWN_TIMES = 7  # 0 … 6 repeat purchases, and 7 or more
WEEK = 7.0


@dataclass(frozen=True)
class Potential:
    """`reason` is a code where there are no numbers; else one entry a customer, values in money."""

    reason: str | None
    purchases: Floats
    value: Floats
    alive: Floats
    often: BgNbd | None = None
    much: GammaGamma | None = None

    def model(self) -> dict[str, Any]:
        """What is kept of the fit."""
        if self.often is None:
            return {"reason": self.reason}
        return {"bgnbd": asdict(self.often), "gamma_gamma": asdict(self.much) if self.much else None}


def potential_of(seen: Histories, horizon_days: int) -> Potential:
    """Expected purchases and value at a horizon; a reason instead where the base is too small or degenerate."""
    reason = why_not(seen)
    nothing = np.full(len(seen.x), np.nan)
    if reason is not None:
        return Potential(reason, nothing, nothing, nothing)
    try:
        often = fit_bg_nbd(sample(seen))
    except InvalidInput:
        return Potential("too_few", nothing, nothing, nothing)
    if not all(1e-5 < value < 1e5 for value in (often.r, often.alpha)):  # a and b may say that nobody ever leaves
        return Potential("no_fit", nothing, nothing, nothing)
    purchases = expected_purchases(often, seen, horizon_days / WEEK)
    alive = probability_alive(often, seen)
    if not np.isfinite(purchases).all() or (purchases < 0).any():
        return Potential("no_fit", nothing, nothing, nothing)
    much = _much(seen)
    value = nothing if much is None else purchases * expected_transaction_value(much, seen)
    return Potential(None, purchases, value, alive, often, much)


def why_not(seen: Histories) -> str | None:
    """`too_few`, `one_day` (all bought on one day), `too_short`; None where a model may be fitted."""
    if len(seen.x) == 0 or (seen.x > 0).sum() < FEWEST_RETURNED:
        return "one_day" if len(seen.x) and not seen.observed.any() else "too_few"
    return "too_short" if seen.observed.max() < FEWEST_WEEKS else None


def sample(seen: Histories) -> Histories:
    """At most FITTED customers, drawn evenly in their order (which is by number, not by habit)."""
    if len(seen.x) <= FITTED:
        return seen
    places = np.linspace(0, len(seen.x) - 1, FITTED).astype(np.int64)
    return picked(seen, places)


def picked(seen: Histories, places: npt.NDArray[Any]) -> Histories:
    """Some of the customers."""
    return Histories([], seen.x[places], seen.t_x[places], seen.observed[places], seen.mean_value[places])


def _much(seen: Histories) -> GammaGamma | None:
    """Gamma-Gamma, or None: with q of 1 or less, or for values that do not differ, the mean has no expectation."""
    again = seen.mean_value[(seen.x > 0) & (seen.mean_value > 0)]
    if len(again) < FEWEST_RETURNED or np.ptp(again) < 1e-9:
        return None
    try:
        much = fit_gamma_gamma(sample(seen))
    except InvalidInput:
        return None
    return much if much.q > 1.001 and much.p < 1e5 else None


def repeat_odds(model: BgNbd, times: int, observed: Floats) -> Floats:
    """P(X(t) = times) for each time observed (equation 8 of the 2005 paper)."""
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    share = observed / (alpha + observed)
    still = np.exp(
        special.betaln(a, b + times)
        - special.betaln(a, b)
        + special.gammaln(r + times)
        - special.gammaln(r)
        - special.gammaln(times + 1)
    )
    found: Floats = still * (1 - share) ** r * share**times
    if times > 0:
        before = sum(
            np.exp(special.gammaln(r + j) - special.gammaln(r) - special.gammaln(j + 1)) * share**j
            for j in range(times)
        )
        gone = np.exp(special.betaln(a + 1, b + times - 1) - special.betaln(a, b))
        found = found + gone * (1 - (1 - share) ** r * before)
    return found


def fit_table(model: BgNbd, seen: Histories) -> list[dict[str, Any]]:
    """Customers who came back 0 … 6 times and 7 or more: `{times, actual, expected}`."""
    unique, weight = np.unique(np.round(seen.observed, 1), return_counts=True)
    rows, whole = [], len(seen.x)
    for times in range(SHOWN_TIMES):
        expected = float((weight * repeat_odds(model, times, unique)).sum())
        rows.append({"times": times, "actual": int((seen.x == times).sum()), "expected": round(expected, 1)})
    rest = whole - sum(row["expected"] for row in rows)
    rows.append(
        {"times": SHOWN_TIMES, "actual": int((seen.x >= SHOWN_TIMES).sum()), "expected": round(max(rest, 0), 1)}
    )
    return rows


def deciles(found: Potential) -> list[dict[str, Any]]:
    """Ten groups by expected value (purchases where no value is known), the best first: sums, and who is alive."""
    order = np.argsort(-(found.purchases if found.much is None else found.value), kind="stable")
    return [
        {
            "decile": number,
            "customers": len(group),
            "purchases": round(float(found.purchases[group].sum()), 1),
            "value": None if found.much is None else round(float(found.value[group].sum()), 2),
            "alive": round(float(found.alive[group].mean()), 3),
        }
        for number, group in enumerate(np.array_split(order, 10), start=1)
        if len(group)
    ]


def held_out(before: Histories, later: npt.NDArray[np.int64], weeks: float) -> dict[str, Any] | None:
    """Fit on what came before, predict the purchases of the last `weeks`; None where that cannot be fitted.

    `later` is the number of purchases of each customer in those weeks.
    """
    if why_not(before) is not None:
        return None
    try:
        model = fit_bg_nbd(sample(before))
    except InvalidInput:
        return None
    expected = expected_purchases(model, before, weeks)
    if not np.isfinite(expected).all():
        return None
    together = float(np.corrcoef(expected, later)[0, 1]) if np.ptp(expected) and np.ptp(later) else None
    return {
        "weeks": round(weeks, 1),
        "customers": len(later),
        "expected": round(float(expected.sum()), 1),
        "actual": int(later.sum()),
        "correlation": None if together is None else round(together, 3),
    }
