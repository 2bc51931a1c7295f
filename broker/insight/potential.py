"""What each customer will probably buy: BG/NBD for how often, Gamma-Gamma for how much.

Sources: Fader, Hardie & Lee, "Counting Your Customers the Easy Way" (Marketing Science 24, 2005) for BG/NBD;
Fader & Hardie, "The Gamma-Gamma Model of Monetary Value" (2013). Time is counted in units (days or weeks) from a
customer's first purchase; purchases of one day are one transaction. x: repeat transactions; t_x: time of the last one;
`observed` (T in the papers): time since the first purchase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from broker.insight.order_log import OrderLog
from broker.kernel.errors import InvalidInput

Floats = npt.NDArray[np.float64]
UNIT_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True)
class Histories:
    """One entry a customer: x, t_x, observed in units, and the mean value (in money) of its repeat transactions."""

    customers: list[str]
    x: Floats
    t_x: Floats
    observed: Floats
    mean_value: Floats


@dataclass(frozen=True)
class BgNbd:
    """Purchases while alive are Poisson with rates Gamma(r, alpha); after each one drops out with odds Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


@dataclass(frozen=True)
class GammaGamma:
    """Mean transaction values: Gamma(p, ν) within a customer, ν Gamma(q, v) between customers."""

    p: float
    q: float
    v: float


def histories(log: OrderLog, until: int, unit: str) -> Histories:
    """Collapse an order log up to day `until` into histories. Returns (negative lines) are no transactions."""
    if unit not in UNIT_DAYS:
        raise InvalidInput("The unit is 'day' or 'week'.", code="bad_unit", field="unit")
    kept = (log.cents >= 0) & (log.day <= until)  # a free order is one, a return is none
    if not kept.any():
        raise InvalidInput("There is no purchase up to that date.", code="no_purchase", field="until")
    # One transaction a customer and day, with the day's sum.
    keys, place = np.unique(np.stack([log.customer[kept], log.day[kept]]), axis=1, return_inverse=True)
    cents = np.bincount(place.ravel(), weights=log.cents[kept].astype(np.float64))
    who, day = keys
    present, first_place, count = np.unique(who, return_index=True, return_counts=True)
    last_place = first_place + count - 1
    first = day[first_place]
    scale = float(UNIT_DAYS[unit])
    x = (count - 1).astype(np.float64)
    total = np.bincount(who, weights=cents)[present]
    repeat = total - cents[first_place]
    with np.errstate(invalid="ignore"):
        mean = np.where(x > 0, repeat / np.maximum(x, 1) / 100.0, 0.0)
    return Histories(
        [log.customers[index] for index in present],
        x,
        (day[last_place] - first) / scale,
        (until - first) / scale,
        mean,
    )


def fit_bg_nbd(seen: Histories) -> BgNbd:
    """Maximum likelihood. Equal histories are counted once with their weight; several starts, the best kept."""
    unique, weight = np.unique(np.stack([seen.x, seen.t_x, seen.observed]), axis=1, return_counts=True)
    if len(seen.x) < 10 or not seen.x.any():
        raise InvalidInput("BG/NBD needs at least ten customers, some of whom came back.", code="too_little_data")
    x, t_x, observed = unique
    scale = max(1.0, float(observed.max()) / 10.0)  # keeps alpha near 1 whatever the unit
    t_x, observed = t_x / scale, observed / scale

    def loss(logs: Floats) -> float:
        if np.any(np.abs(logs) > 12):
            return 1e18
        value = float(-(weight * bg_nbd_log_likelihood(np.exp(logs), x, t_x, observed)).sum())
        return value if np.isfinite(value) else 1e18

    logs, value = _minimise(loss, [np.log([1.0, 1.0, 1.0, 1.0]), np.log([0.3, 0.5, 0.8, 2.5])])
    r, alpha, a, b = np.exp(logs)
    # Densities are per unit of time: each of the x repeat transactions gives back one factor of the scale.
    likelihood = -value - float((weight * x).sum()) * float(np.log(scale))
    return BgNbd(float(r), float(alpha * scale), float(a), float(b), likelihood)


def bg_nbd_log_likelihood(parameters: Floats, x: Floats, t_x: Floats, observed: Floats) -> Floats:
    """ln L of each history (equation 6 of the 2005 paper, in logarithms)."""
    r, alpha, a, b = parameters
    rate = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
    drop = special.betaln(a, b + x) - special.betaln(a, b)
    alive = -(r + x) * np.log(alpha + observed)
    # B(a+1, b+x-1) / B(a, b+x) = a / (b+x-1), for those who bought again
    gone = np.where(x > 0, np.log(a) - np.log(np.maximum(b + x - 1, 1e-300)) - (r + x) * np.log(alpha + t_x), -np.inf)
    result: Floats = rate + drop + np.logaddexp(alive, gone)
    return result


def fit_gamma_gamma(seen: Histories) -> GammaGamma:
    """Maximum likelihood over customers with a repeat transaction of positive mean value."""
    again = (seen.x > 0) & (seen.mean_value > 0)
    if again.sum() < 10:
        raise InvalidInput("Gamma-Gamma needs at least ten customers who came back.", code="too_little_data")
    x, mean = seen.x[again], seen.mean_value[again]
    scale = float(mean.mean())
    m = mean / scale

    def loss(logs: Floats) -> float:
        if np.any(np.abs(logs) > 12):
            return 1e18
        p, q, v = np.exp(logs)
        each = (
            special.gammaln(p * x + q)
            - special.gammaln(p * x)
            - special.gammaln(q)
            + q * np.log(v)
            + (p * x - 1) * np.log(m)
            + p * x * np.log(x)
            - (p * x + q) * np.log(x * m + v)
        )
        value = float(-each.sum())
        return value if np.isfinite(value) else 1e18

    logs, _ = _minimise(loss, [np.log([1.0, 1.0, 1.0]), np.log([6.0, 4.0, 0.5])])
    p, q, v = np.exp(logs)
    return GammaGamma(float(p), float(q), float(v * scale))


def _minimise(loss: Callable[[Floats], float], starts: list[Floats]) -> tuple[Floats, float]:
    best: tuple[Floats, float] | None = None
    for start in starts:
        rough = optimize.minimize(
            loss, start, method="Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-7, "fatol": 1e-8}
        )
        fine = optimize.minimize(loss, rough.x, method="BFGS", options={"gtol": 1e-6})
        found = fine if fine.fun <= rough.fun else rough
        if best is None or found.fun < best[1]:
            best = (found.x, float(found.fun))
    assert best is not None
    return best


def expected_purchases(model: BgNbd, seen: Histories, horizon: float) -> Floats:
    """E[Y(horizon) | x, t_x, observed] for each customer (equation 10), in units of time.

    Euler's transformation of 2F1 keeps it stable for customers with very many purchases:
    (1-z)^(r+x) 2F1(r+x, b+x; c; z) = (1-z)^(a-1) 2F1(a+b-1-r, a-1; c; z) with c = a+b+x-1.
    """
    r, alpha, b = model.r, model.alpha, model.b
    a = model.a if abs(model.a - 1.0) > 1e-6 else 1.0 + 1e-6  # the formula has a removable pole at a = 1
    x, observed = seen.x, seen.observed
    z = horizon / (alpha + observed + horizon)
    c = a + b + x - 1
    with np.errstate(all="ignore"):
        shrink = (1 - z) ** (a - 1) * special.hyp2f1(a + b - 1 - r, a - 1, c, z)
        # Very large a and b (customers who hardly differ in leaving) overflow there; the form as printed does not.
        shrink = np.where(np.isfinite(shrink), shrink, (1 - z) ** (r + x) * special.hyp2f1(r + x, b + x, c, z))
    value: Floats = c / (a - 1) * (1 - shrink) * probability_alive(model, seen)
    return value


def probability_alive(model: BgNbd, seen: Histories) -> Floats:
    """P(alive | x, t_x, observed); 1 for whoever bought once, since dropping out happens only at a repeat purchase."""
    x = seen.x
    log_odds_gone = (
        np.log(model.a)
        - np.log(np.maximum(model.b + x - 1, 1e-300))
        + (model.r + x) * (np.log(model.alpha + seen.observed) - np.log(model.alpha + seen.t_x))
    )
    value: Floats = np.where(x > 0, special.expit(-log_odds_gone), 1.0)
    return value


def expected_transaction_value(model: GammaGamma, seen: Histories) -> Floats:
    """E[mean value | x, observed mean]: the customer's own mean drawn towards that of all."""
    p, q, v = model.p, model.q, model.v
    value: Floats = p * (v + seen.x * seen.mean_value) / (p * seen.x + q - 1)
    return value
