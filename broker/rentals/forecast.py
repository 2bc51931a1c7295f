"""How many people are likely to click, and what the sends are likely to bring: from past mailings, with an interval.

Mailings differ by more than chance: their rates are taken as drawn from a beta distribution whose mean is the card's
own, shrunk towards its sector's (else everybody's) by how little the card has been mailed. The dispersion is the
sector's, by the method of moments (Kleinman, JASA 68, 1973). The interval is of the next mailing, not of a mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from scipy import special

from broker.kernel.database import UnitOfWork
from broker.kernel.money import BASIS_POINTS, micros_to_cents
from broker.rentals import terms_store as store
from broker.rentals.model import Order

LEVEL = 0.8
FIRMEST, LOOSEST = 4_000.0, 30.0  # bounds of the dispersion: a dozen mailings tell it badly
FEWEST_MAILINGS = 3


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a use of an order is likely to bring: eight times in ten between `low` and `high`.

    `basis`: whose past mailings it is from (card, sector, all), `mailings` how many of them. `click_cents`: what a
    click costs the advertiser by `clicks`; None without any. `owner_cents`: what the owner earns when all names are
    delivered; None for the advertiser.
    """

    clicks: int
    low: int
    high: int
    rate_bp: int
    basis: Literal["card", "sector", "all"]
    mailings: int
    click_cents: int | None
    owner_cents: int | None


def forecast_order(unit: UnitOfWork, order: Order) -> Forecast | None:
    """The forecast of one use; None where too few mailings of several advertisers stand behind it."""
    history = store.click_history(unit, order.card_code)
    found = predict(history, order.volume)
    if found is None:
        return None
    clicks, low, high, rate, basis, mailings = found
    cents = micros_to_cents(order.volume * order.price_micros)
    share = order.commission_bp
    return Forecast(
        clicks=clicks,
        low=low,
        high=high,
        rate_bp=round(rate * BASIS_POINTS / 5) * 5,
        basis=basis,
        mailings=mailings,
        click_cents=round(cents / clicks) if clicks else None,
        owner_cents=None if share is None else cents * (BASIS_POINTS - share) // BASIS_POINTS,
    )


def predict(
    history: Mapping[str, Sequence[tuple[int, int]]], volume: int
) -> tuple[int, int, int, float, Literal["card", "sector", "all"], int] | None:
    """(clicks, low, high, rate, basis, mailings) for `volume` names; `history`: scope → [(accepted, clickers)].

    Rounded to two digits: more would pretend, and be another's result.
    """
    wide: Literal["sector", "all"] = "sector" if len(history.get("sector", ())) >= FEWEST_MAILINGS else "all"
    prior = list(history.get(wide, ()))
    own = list(history.get("card", ()))
    if len(prior) < FEWEST_MAILINGS:
        prior = own  # nobody else to compare with
    if len(prior) < FEWEST_MAILINGS:
        return None
    mean, firmness = beta_of(prior)
    # A mailing of n names tells as much of the card's mean as n·s/(n + s) names of a mean without dispersion.
    weight = sum(n * firmness / (n + firmness) for n, _ in own)
    if own and prior is not own:
        rates = sum((k / n) * n * firmness / (n + firmness) for n, k in own)
        mean = (rates + firmness * mean) / (weight + firmness)
    spread = 1 / (1 / firmness + 1 / (weight + firmness) + 1 / volume)
    shape = (mean * spread, (1 - mean) * spread)
    low, high = (float(special.betaincinv(*shape, at)) * volume for at in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    basis: Literal["card", "sector", "all"] = "card" if own else wide
    return _two_digits(mean * volume), _two_digits(low), _two_digits(high), mean, basis, len(own or prior)


def beta_of(mailings: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """(mean, firmness a + b) of the beta distribution that the mailings' rates come from, by moments."""
    sent = sum(n for n, _ in mailings)
    mean = min(0.5, max(1e-5, (sum(k for _, k in mailings) + 0.5) / (sent + 1)))
    number = len(mailings)
    chance = sum(mean * (1 - mean) / n for n, _ in mailings) / number
    variance = sum((k / n - mean) ** 2 for n, k in mailings) / (number - 1) - chance
    if variance <= 0:
        return mean, FIRMEST
    return mean, min(FIRMEST, max(LOOSEST, mean * (1 - mean) / variance - 1))


def _two_digits(number: float) -> int:
    if number < 10:
        return max(0, round(number))
    step: int = 10 ** (len(str(int(number))) - 2)
    return round(number / step) * step
