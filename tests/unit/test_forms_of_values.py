"""Dates, post codes, phones and headers in the forms that shops and spreadsheets write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from broker.bases.check_phone import check_phones
from broker.bases.dates import is_month_first, read_date
from broker.bases.places import check_places
from broker.bases.propose_mapping import propose_mapping


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("31121980", "1980-12-31 00:00:00"),
        ("3-mars-80", "1980-03-03 00:00:00"),
        ("1er janvier 1980", "1980-01-01 00:00:00"),
        ("mardi 3 mars 1980", "1980-03-03 00:00:00"),
        ("29586,5", "1980-12-31 12:00:00"),
        ("2024-02-01 10:11:12+01", "2024-02-01 09:11:12"),
        ("2024-07-01 10:11:12 Europe/Paris", "2024-07-01 08:11:12"),
        ("01/02/2024 à 10h11", "2024-02-01 10:11:00"),
        ("20240201T101112Z", "2024-02-01 10:11:12"),
        ("Thu, 01 Feb 2024 10:11:12 +0100", "2024-02-01 09:11:12"),
        ("1706782272", "2024-02-01 10:11:12"),
        ("1706782272000", "2024-02-01 10:11:12"),
    ],
)
def test_dates_of_many_hands_are_read(text: str, moment: str) -> None:
    assert str(read_date(text)) == f"{moment}+00:00"


def test_noon_and_midnight_of_the_twelve_hour_clock() -> None:
    assert read_date("2/1/2024 12:05 AM", month_first=True) == datetime(2024, 2, 1, 0, 5, tzinfo=UTC)
    assert read_date("2/1/2024 12:05 PM", month_first=True) == datetime(2024, 2, 1, 12, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["31/02/1980", "29/02/1900", "00/00/0000", "13/13/1980", "60", "2024-02-01T25:00", "1/2/2024 13:05 PM", "x"]
)
def test_what_no_calendar_has_is_no_date(text: str) -> None:
    assert read_date(text) is None


def test_the_order_of_day_and_month_is_the_columns_and_bears_an_odd_value() -> None:
    american = ["12/31/1980", "01/25/1975"] * 20
    assert is_month_first(american)
    assert is_month_first([*american, "31/01/1980"])
    assert not is_month_first(["31/12/1980", "01/02/1975"])
    assert not is_month_first(["01/02/1975"])


@pytest.mark.parametrize(
    ("postcode", "city", "kept", "commune", "department"),
    [
        ("33077", "BORDEAUX CEDEX", "33077", "Bordeaux", "33"),
        ("92093", "Nanterre", "92093", "Nanterre", "92"),
        ("75002 CEDEX 02", "Paris", "75002", "Paris 2e Arrondissement", "75"),
        ("20179", "Ajaccio Cedex", "20179", "Ajaccio", "2A"),
        ("20200", "", "20200", "Bastia", "2B"),
        ("97400", "", "97400", "Saint-Denis", "974"),
        ("98800", "Nouméa", "98800", None, "988"),
        ("1000", "", "01000", "Bourg-en-Bresse", "01"),
        ("75011,0", "", "75011", "Paris 11e Arrondissement", "75"),
        ("69999", "nowhere", None, None, None),
        ("2A004", "Ajaccio", None, None, None),
    ],
)
def test_french_post_codes_and_cedex(
    postcode: str, city: str, kept: str | None, commune: str | None, department: str | None
) -> None:
    places = check_places(pa.array([postcode]), pa.array([city]), None)
    assert (places.postcode[0].as_py(), places.department[0].as_py()) == (kept, department)
    assert places.commune[0].as_py() == commune


@pytest.mark.parametrize(
    ("postcode", "country", "kept"),
    [
        ("B-1000", "Belgique", "1000"),
        ("sw1a 1aa", "UK", "SW1A1AA"),
        ("1012 ab", "NL", "1012AB"),
        ("L-1234", "Luxembourg", "1234"),
        ("98000", "", "98000"),
        ("100-0001", "JP", "100-0001"),
        ("99999999", "BE", None),
        ("ABC", "DE", None),
        ("99999", "ES", None),
    ],
)
def test_post_codes_of_other_countries_go_by_their_form(postcode: str, country: str, kept: str | None) -> None:
    places = check_places(pa.array([postcode, "x"]), None, pa.array([country, "a country unknown to us"]))
    assert places.postcode[0].as_py() == kept


@pytest.mark.parametrize(
    ("dialled", "number"),
    [
        ("0692123456", "+262692123456"),
        ("0690 12 34 56", "+590690123456"),
        ("+33 (0)6 12 34 56 78", "+33612345678"),
        ("06 12 34 56 78 (bureau)", "+33612345678"),
        ("0000000000", None),
        ("6,12346E+08", None),
    ],
)
def test_phones_of_every_department(dialled: str, number: str | None) -> None:
    assert check_phones(pa.array([dialled]))[0][0].as_py() == number


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("Date de naissance (jj/mm/aaaa)", "birth_date"),
        ("Né(e) le", "birth_date"),
        ("Tél. port.", "mobile"),
        ("Sexe (H/F)", "gender"),
        ("Email (obligatoire)", "email"),
        ("Votre e-mail *", "email"),
        ("billing_city", "city"),
        ("emailAddress", "email"),
        ("Revenus mensuels nets", "income"),
        ("Ville de naissance", "trait:ville_de_naissance"),
        ("Taille de bague", "trait:taille_de_bague"),
    ],
)
def test_headers_are_understood_with_what_is_written_around_them(header: str, field: str) -> None:
    assert propose_mapping([header], {header: ["x", "y", "z"]}, "contacts") == {header: field}


def test_columns_whose_headers_say_nothing_are_told_by_their_values() -> None:
    columns = {
        "Colonne1": ["jean@ex.fr", "m@ex.fr", "p@ex.fr"],
        "Colonne2": ["Dupont", "Martin", "Durand"],
        "Colonne3": ["75002", "69001", "1000"],
        "Colonne4": ["31/12/1980", "01/02/1975", "05/06/1990"],
        "Colonne5": ["12 rue de la Paix", "3 bd Voltaire", "7 avenue Foch"],
        "Colonne6": ["Paris", "Lyon", "Marseille"],
        "Colonne7": ["H", "F", "F"],
        "Colonne8": ["12/03/2024 10:11", "01/02/2023 09:00", "05/06/2022 08:00"],
        "Colonne9": ["oui", "non", "oui", "non"],
        "Colonne10": ["54", "52", "56"],
    }
    assert list(propose_mapping(list(columns), columns, "contacts").values()) == [
        "email", "ignored", "postcode", "birth_date", "street", "city", "gender", "trait:colonne8", "trait:colonne9",
        "trait:colonne10",
    ]  # fmt: skip
