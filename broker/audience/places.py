"""Where French post codes lie, and which are near one (broker/bases/data/postcodes.csv, made at set-up)."""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from broker.audience.rule import Rule
from broker.kernel.errors import InvalidInput, Unavailable

EARTH_RADIUS_KM = 6_371.0


@dataclass(frozen=True)
class Places:
    """Post codes in order, with latitude and longitude in radians (NaN where nobody knows), and their regions."""

    postcodes: tuple[str, ...]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    regions: dict[str, str]  # department code -> region name

    def index(self, postcode: str) -> int | None:
        """The place of a post code in `postcodes`."""
        found = int(np.searchsorted(np.array(self.postcodes), postcode))
        return found if found < len(self.postcodes) and self.postcodes[found] == postcode else None


@lru_cache(maxsize=1)
def places() -> Places:
    """The table, read once. A post code of several communes lies at their mean, weighted by inhabitants."""
    sums: dict[str, tuple[float, float, float]] = {}
    regions: dict[str, str] = {}
    try:
        with files("broker.bases").joinpath("data/postcodes.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                lat, lon, weight = sums.get(row["postcode"], (0.0, 0.0, 0.0))
                if row["lat"]:
                    own = float(row["population"] or 0) + 1.0
                    lat, lon, weight = lat + own * float(row["lat"]), lon + own * float(row["lon"]), weight + own
                sums[row["postcode"]] = (lat, lon, weight)
                if row["department"] and row["region"]:
                    regions.setdefault(row["department"], row["region"])
    except OSError:
        raise Unavailable("The table of French post codes is missing: run `make env`.", code="no_postcodes") from None
    codes = tuple(sorted(sums))
    points = np.array([sums[code] for code in codes], dtype=np.float64).reshape(-1, 3)
    with np.errstate(invalid="ignore", divide="ignore"):
        degrees = points[:, :2] / points[:, 2:]
    return Places(codes, np.radians(degrees[:, 0]), np.radians(degrees[:, 1]), regions)


@lru_cache(maxsize=512)
def near_postcodes(postcode: str, kilometres: float) -> tuple[str, ...]:
    """The post codes whose middle lies within a distance, as the crow flies, of the middle of `postcode`."""
    table = places()
    index = table.index(postcode)
    if index is None:
        near = difflib.get_close_matches(postcode, table.postcodes, n=1, cutoff=0.6)
        hint = f'; did you mean "{near[0]}"?' if near else "."
        raise InvalidInput(f'"{postcode[:20]}" is no French post code{hint}', code="unknown_postcode", field="rule")
    if np.isnan(table.latitude[index]):
        raise InvalidInput(
            f"Nobody told us where post code {postcode} lies; take one beside it.",
            code="unknown_postcode",
            field="rule",
        )
    return _around(float(table.latitude[index]), float(table.longitude[index]), kilometres)


@lru_cache(maxsize=512)
def near_point(latitude: float, longitude: float, kilometres: float) -> tuple[str, ...]:
    """The post codes whose middle lies within a distance of a place (degrees, WGS 84)."""
    return _around(float(np.radians(latitude)), float(np.radians(longitude)), kilometres)


def postcodes_within(rule: Rule) -> tuple[str, ...]:
    """The post codes that a rule `within` means."""
    if "lat" in rule:
        return near_point(float(rule["lat"]), float(rule["lon"]), float(rule["km"]))
    return near_postcodes(rule["postcode"], float(rule["km"]))


def _around(latitude: float, longitude: float, kilometres: float) -> tuple[str, ...]:
    """By the haversine formula; radians."""
    table = places()
    half = np.sin((table.latitude - latitude) / 2) ** 2
    half += np.cos(table.latitude) * np.cos(latitude) * np.sin((table.longitude - longitude) / 2) ** 2
    away = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return tuple(table.postcodes[found] for found in np.flatnonzero(away <= kilometres))


def department_of(postcode: str) -> str:
    """The department's code of a post code: 75, 2A (20000 to 20199), 2B, 974."""
    if postcode.startswith(("97", "98")):
        return postcode[:3]
    if postcode.startswith("20"):
        return "2A" if postcode[2:3] in ("0", "1") else "2B"
    return postcode[:2]
