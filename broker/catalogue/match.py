"""How well an offer fits a base, and what it may bring, each explained.

The score is of 100: 70 for the share of the base that the offer wishes for, 30 for the sector. The share is worked out
from the base's own profile field by field, as if gender, age and region went their own ways; the page says so.
Revenue per thousand is certain where mails are paid. For clicks, leads and sales it is what the owner's own past mails
brought, with what the sector brought all owners as the starting belief (a Beta distribution worth 5,000 mails), and an
interval of 80 per cent. A sale's amount is the mean of the owner's own approved ones in the programme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import special

from broker.catalogue.offer_model import Wishes

REACH_POINTS, SECTOR_POINTS = 70, 30
BELIEF_MAILS = 5_000.0  # how many mails the starting belief is worth
BELIEF_RATE = 0.01  # clicks a mail, where no sector tells: one in a hundred
LOW, HIGH = 0.1, 0.9
Profile = Mapping[str, Sequence[Mapping[str, Any]]]  # field -> [{value, count}]


@dataclass(frozen=True, slots=True)
class Match:
    """`score` 0 to 100; `reach` the share of the base wished for; `parts` (name, share) what it is made of."""

    score: int
    reach: float
    sector_fits: bool
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Revenue:
    """Cents for a thousand mails, after the broker's commission: expected, and an interval of 80 per cent.

    `mails` of one's own it was learned from. `known` is False where nothing tells (leads and sales).
    """

    known: bool
    expected: int = 0
    low: int = 0
    high: int = 0
    mails: int = 0


def match_of(wishes: Wishes, profile: Profile, base_sector: str | None) -> Match:
    """The match of an offer to a base of this profile (exact, for its owner alone)."""
    parts: list[tuple[str, float]] = []
    if wishes.genders:
        parts.append(("gender", _share(profile.get("gender", ()), set(wishes.genders))))
    if wishes.ages is not None:
        parts.append(("age", _share_of_ages(profile.get("age", ()), *wishes.ages)))
    if wishes.regions:
        parts.append(("region", _share(profile.get("region", ()), set(wishes.regions))))
    reach = 1.0
    for _, share in parts:
        reach *= share
    fits = not wishes.sectors or base_sector in wishes.sectors
    score = round(REACH_POINTS * reach + (SECTOR_POINTS if fits else 0))
    return Match(score, reach, fits, tuple(parts))


def revenue_of(
    model: str,
    price_micros: int,
    rate_cents: int | None,
    commission_bp: int,
    own: tuple[int, int],
    sector: tuple[int, int] | None,
) -> Revenue:
    """`own` and `sector`: (accepted mails, what is paid). `rate_cents`: for one of these, of a sale the mean amount's
    share. Without a sector's figures the belief is one click in a hundred; for leads and sales nothing is known."""
    kept = (10_000 - commission_bp) / 10_000
    if model == "cpm":
        cents = int(price_micros * kept) // 10
        return Revenue(True, cents, cents, cents)
    told = bool(sector and sector[0])
    if rate_cents is None or (model != "cpc" and not told and not own[1]):
        return Revenue(False)
    rate = BELIEF_RATE if model == "cpc" else own[1] / own[0] if own[0] else 0.0
    if sector and told:
        rate = sector[1] / sector[0]
    if not 0 < rate < 1:
        return Revenue(False)
    mails, clicks = own
    clicked, not_clicked = BELIEF_MAILS * rate + clicks, BELIEF_MAILS * (1 - rate) + max(0, mails - clicks)
    bounds = special.betaincinv(clicked, not_clicked, (LOW, HIGH)).tolist()
    expected, low, high = (
        int(1_000 * share * rate_cents * kept) for share in (clicked / (clicked + not_clicked), *bounds)
    )
    return Revenue(True, expected, low, high, mails)


def _share(cells: Sequence[Mapping[str, Any]], wanted: set[str]) -> float:
    whole = sum(int(cell["count"]) for cell in cells)
    return sum(int(cell["count"]) for cell in cells if cell["value"] in wanted) / whole if whole else 0.0


def _share_of_ages(cells: Sequence[Mapping[str, Any]], lowest: int, highest: int) -> float:
    """A band that lies in part within the wish counts by that part of its years."""
    whole = inside = 0.0
    for cell in cells:
        first, _, last = str(cell["value"]).rstrip("+").partition("-")
        start, end = int(first), int(last or 90)
        years = max(0, min(end, highest) - max(start, lowest) + 1)
        whole += int(cell["count"])
        inside += int(cell["count"]) * min(1.0, years / (end - start + 1))
    return inside / whole if whole else 0.0
