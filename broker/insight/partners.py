"""Which sectors to invite next: those near a base's own, corrected by what its people did with mails of each.

Two sources. **Nearness**: a table of ours (data/neighbour_sectors.csv): weight 0 to 100 and a reason. It is judgement,
not measurement, and says so on the page. **Past results**: human clickers among accepted sends of each sector's
advertisers to this base, as a rate drawn towards the base's own by PRIOR_SENDS sends (a beta prior), over that of the
base. Rank: weight · (1 + that ratio, at most 3) / 2; a sector never tried counts as the base's mean.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "neighbour_sectors.csv"
PRIOR_SENDS = 2_000.0
MOST_RATIO = 3.0
UNKNOWN_WEIGHT = 20  # a sector with results and no line in the table


@dataclass(frozen=True)
class PartnerSector:
    """A sector to invite: `ratio` is its click rate over the base's own (1: as the base, or never tried)."""

    sector: str
    weight: int
    why: str
    mailings: int
    accepted: int
    clickers: int
    ratio: float
    rank: float

    def as_json(self) -> dict[str, Any]:
        """As kept in findings."""
        return asdict(self)


def next_sectors(own: str | None, results: Sequence[Any], most: int = 6) -> list[PartnerSector]:
    """The best first; `results` as study_store.sector_results gives them."""
    near = neighbours().get(own or "other", neighbours()["other"])
    past: Mapping[str, Any] = {row.sector: row for row in results if row.accepted}
    accepted = sum(row.accepted for row in past.values())
    base_rate = sum(row.clickers for row in past.values()) / accepted if accepted else 0.0
    found = []
    for sector in sorted({*near, *past}):
        if sector == own:
            continue
        weight, why = near.get(sector, (UNKNOWN_WEIGHT, ""))
        row = past.get(sector)
        ratio = 1.0
        if row is not None and base_rate > 0:
            rate = (row.clickers + PRIOR_SENDS * base_rate) / (row.accepted + PRIOR_SENDS)
            ratio = min(rate / base_rate, MOST_RATIO)
        found.append(
            PartnerSector(
                sector,
                weight,
                why,
                row.mailings if row else 0,
                row.accepted if row else 0,
                row.clickers if row else 0,
                round(ratio, 3),
                round(weight * (1 + ratio) / 2, 1),
            )
        )
    return sorted(found, key=lambda one: (-one.rank, one.sector))[:most]


@cache
def neighbours() -> dict[str, dict[str, tuple[int, str]]]:
    """Sector → partner → (weight, why)."""
    found: dict[str, dict[str, tuple[int, str]]] = {}
    with DATA.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["sector"], {})[row["partner"]] = int(row["weight"]), row["why"]
    return found
