"""A tile map of the French regions: one square each, placed by hand about where the region lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# name, letters on the tile, column, row
REGIONS = (
    ("Hauts-de-France", "HDF", 3, 0),
    ("Normandie", "NOR", 2, 1), ("Île-de-France", "IDF", 3, 1), ("Grand Est", "GES", 4, 1),
    ("Bretagne", "BRE", 0, 1), ("Pays de la Loire", "PDL", 1, 2), ("Centre-Val de Loire", "CVL", 2, 2),
    ("Bourgogne-Franche-Comté", "BFC", 3, 2),
    ("Nouvelle-Aquitaine", "NAQ", 1, 3), ("Auvergne-Rhône-Alpes", "ARA", 2, 3),
    ("Occitanie", "OCC", 1, 4), ("Provence-Alpes-Côte d'Azur", "PAC", 2, 4), ("Corse", "COR", 3, 4),
    ("Guadeloupe", "GUA", 0, 5), ("Martinique", "MTQ", 1, 5), ("Guyane", "GUY", 2, 5), ("La Réunion", "REU", 3, 5),
    ("Mayotte", "MAY", 4, 5),
)  # fmt: skip
STEPS = 5


@dataclass(frozen=True, slots=True)
class Tile:
    """`step` 0 (nobody shown) to 5 (most) colours it."""

    name: str
    letters: str
    column: int
    row: int
    value: int
    step: int


def map_of(values: Mapping[str, int]) -> list[Tile]:
    """The tiles with a value each; names that are no region are left out."""
    most = max((values.get(name, 0) for name, *_ in REGIONS), default=0)
    return [
        Tile(name, letters, column, row, value, -(-STEPS * value // most) if value > 0 else 0)
        for name, letters, column, row in REGIONS
        for value in [values.get(name, 0)]
    ]
