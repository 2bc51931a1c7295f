"""The French post codes that set-up makes from npm packages."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

TABLE = Path(__file__).parents[2] / "broker" / "bases" / "data" / "postcodes.csv"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_whole_country_is_there(rows: list[dict[str, str]]) -> None:
    assert len(rows) > 35_000
    assert len({row["postcode"] for row in rows}) > 6_000
    assert len({row["department"] for row in rows}) >= 101
    assert len({row["region_code"] for row in rows if row["region_code"]}) == 19  # and Saint-Pierre-et-Miquelon


def test_codes_are_text_with_leading_zeros(rows: list[dict[str, str]]) -> None:
    assert all(len(row["postcode"]) == 5 and row["postcode"].isdecimal() for row in rows)
    assert any(row["postcode"] == "01000" and row["commune"] == "Bourg-en-Bresse" for row in rows)


@pytest.mark.parametrize(
    ("postcode", "region", "lat", "lon"),
    [
        ("75011", "Île-de-France", 48.86, 2.38),
        ("69001", "Auvergne-Rhône-Alpes", 45.77, 4.83),
        ("97400", "La Réunion", -20.88, 55.45),
        ("2A", "Corse", 41.93, 8.74),
    ],
)
def test_places_are_where_they_are(
    rows: list[dict[str, str]], postcode: str, region: str, lat: float, lon: float
) -> None:
    found = [row for row in rows if row["postcode"] == postcode or row["insee"] == f"{postcode}004"]
    assert {row["region"] for row in found} == {region}
    assert any(abs(float(row["lat"]) - lat) < 0.05 and abs(float(row["lon"]) - lon) < 0.05 for row in found)


def test_nearly_every_row_has_coordinates_and_says_how_exact(rows: list[dict[str, str]]) -> None:
    without = [row for row in rows if not row["lat"]]
    assert len(without) < 200
    assert {row["located"] for row in rows} <= {"commune", "postcode", "arrondissement", "department", ""}
    people = sum(int(row["population"] or 0) for row in rows)
    exact = sum(int(row["population"] or 0) for row in rows if row["located"] == "commune")
    assert exact / people > 0.7
