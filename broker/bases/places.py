"""French post codes to commune, department and region, from the list that set-up makes (`data/postcodes.csv`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from broker.bases.fields import plain
from broker.kernel.errors import Unavailable

_COUNTRIES = {
    "": "FR", "fr": "FR", "fra": "FR", "france": "FR", "france metropolitaine": "FR", "f": "FR",
    "gp": "FR", "mq": "FR", "gf": "FR", "re": "FR", "yt": "FR", "guadeloupe": "FR", "martinique": "FR",
    "guyane": "FR", "la reunion": "FR", "reunion": "FR", "mayotte": "FR",
    "be": "BE", "bel": "BE", "belgique": "BE", "belgium": "BE", "b": "BE",
    "ch": "CH", "che": "CH", "suisse": "CH", "switzerland": "CH",
    "lu": "LU", "lux": "LU", "luxembourg": "LU", "mc": "MC", "monaco": "MC",
    "de": "DE", "allemagne": "DE", "germany": "DE", "es": "ES", "espagne": "ES", "spain": "ES",
    "it": "IT", "italie": "IT", "italy": "IT", "pt": "PT", "portugal": "PT", "nl": "NL", "pays bas": "NL",
    "netherlands": "NL", "gb": "GB", "uk": "GB", "royaume uni": "GB", "united kingdom": "GB", "ie": "IE",
    "irlande": "IE", "ireland": "IE", "at": "AT", "autriche": "AT", "austria": "AT", "ca": "CA", "canada": "CA",
    "us": "US", "usa": "US", "etats unis": "US", "united states": "US",
}  # fmt: skip


_HAS_DIGIT = re.compile(r"\d")
_NUMBERED = re.compile(r" \d+.*$")


@dataclass(frozen=True, slots=True)
class PlaceTable:
    """Communes in the order of the file; `first_of` has, for each post code, the most populous commune's row."""

    codes: pa.Array  # distinct post codes
    first_of: npt.NDArray[np.int64]
    rows_of: dict[str, list[int]]  # post code to its communes
    exact: dict[str, int]  # post code and commune as the list writes it, a line apart
    commune: pa.Array
    department: pa.Array
    region: pa.Array


@cache
def place_table() -> PlaceTable:
    """The list, read once. Raises `Unavailable` where set-up has not made it."""
    try:
        with (resources.files("broker.bases") / "data" / "postcodes.csv").open("rb") as raw:
            texts = pacsv.ConvertOptions(
                column_types={name: pa.string() for name in ("postcode", "commune", "department", "region")},
                include_columns=["postcode", "commune", "department", "region", "population"],
            )
            table = pacsv.read_csv(raw, convert_options=texts).combine_chunks()
    except FileNotFoundError:
        raise Unavailable("The list of French post codes is missing. Run make env.", code="no_postcodes") from None
    codes, communes = table.column("postcode").to_pylist(), table.column("commune").to_pylist()
    people = pc.fill_null(table.column("population"), 0).to_pylist()
    rows_of: dict[str, list[int]] = {}
    for number, code in enumerate(codes):
        rows_of.setdefault(code, []).append(number)
    return PlaceTable(
        pa.array(list(rows_of)),
        np.array([max(rows, key=lambda row: people[row]) for rows in rows_of.values()], np.int64),
        rows_of,
        {f"{code}\n{commune}": number for number, (code, commune) in enumerate(zip(codes, communes, strict=True))},
        table.column("commune").chunk(0),
        table.column("department").chunk(0),
        table.column("region").chunk(0),
    )


def plain_city(name: str) -> str:
    """A commune's name without accents, case, CEDEX, `ST`/`STE`, and Paris's, Lyon's and Marseille's numbers."""
    words = plain(name).partition(" cedex")[0]
    text = _NUMBERED.sub("", words) if _HAS_DIGIT.search(words) else words
    return " ".join({"st": "saint", "ste": "sainte"}.get(word, word) for word in text.split())


@dataclass(frozen=True, slots=True)
class CheckedPlaces:
    """One entry a row; `postcode` is null where unknown in France or absent."""

    postcode: pa.Array
    commune: pa.Array
    department: pa.Array
    region: pa.Array
    country: pa.Array
    unknown_postcode: npt.NDArray[np.bool_]
    mended: int


def check_places(postcode: pa.Array, city: pa.Array | None, country: pa.Array | None) -> CheckedPlaces:
    """Complete and check post codes; `1000` is `01000` from a spreadsheet, other countries' codes pass by form."""
    table = place_table()
    size = len(postcode)
    countries = check_countries(country, size)
    french = pc.equal(countries, "FR")
    trimmed = pc.utf8_trim_whitespace(postcode)
    digits = pc.replace_substring_regex(trimmed, r"^[Ff][Rr]?-|\s+|\.0$", "")
    filled = pc.if_else(
        pc.and_(french, pc.match_substring_regex(digits, r"^\d{4}$")),
        pc.binary_join_element_wise("0", digits, ""),
        digits,
    )
    found = pc.index_in(filled, table.codes)
    known = pc.and_(french, pc.is_valid(found))
    rows = table.first_of[np.asarray(pc.fill_null(found, 0))].copy()
    if city is not None:
        _choose_by_city(rows, filled, city, known)
    places = pa.array(rows, mask=~np.asarray(known))
    empty = np.asarray(pc.equal(trimmed, ""))
    foreign_ok = pc.and_(pc.invert(french), pc.match_substring_regex(digits, r"^[A-Za-z0-9\-]{3,10}$"))
    good = pc.or_(known, foreign_ok)
    mended = pc.sum(pc.and_(good, pc.not_equal(trimmed, filled))).as_py() or 0
    return CheckedPlaces(
        pc.if_else(good, filled, pa.scalar(None, pa.string())),
        table.commune.take(places),
        table.department.take(places),
        table.region.take(places),
        countries,
        ~np.asarray(good) & ~empty,
        mended,
    )


def _choose_by_city(rows: npt.NDArray[np.int64], codes: pa.Array, city: pa.Array, known: pa.Array) -> None:
    """Several communes share a post code: the row's own city name decides."""
    pair = pc.if_else(known, pc.binary_join_element_wise(codes, city, "\n"), pa.scalar(None, pa.string()))
    encoded = pair.dictionary_encode()
    choice = np.array([_named_place(text) for text in encoded.dictionary.to_pylist()], np.int64)
    if len(choice):
        picked = np.where(np.asarray(known), choice[np.asarray(pc.fill_null(encoded.indices, 0))], -1)
        rows[picked >= 0] = picked[picked >= 0]


@lru_cache(maxsize=200_000)
def _named_place(pair: str) -> int:
    """The row of a post code and a city as the file writes it (a line apart), or -1."""
    table = place_table()
    if (row := table.exact.get(pair)) is not None:
        return row
    code, _, city = pair.partition("\n")
    wanted = plain_city(city)
    rows = table.rows_of.get(code, ())
    return next((row for row in rows if _plain_commune(row) == wanted), -1)


@lru_cache(maxsize=50_000)
def _plain_commune(row: int) -> str:
    return plain_city(place_table().commune[row].as_py())


def check_countries(column: pa.Array | None, size: int) -> pa.Array:
    """ISO 3166 codes; France where the file says nothing, the word itself (two letters) where it is one."""
    if column is None:
        return pa.array(np.full(size, "FR", dtype=object), pa.string())
    encoded = column.dictionary_encode()
    names = [_country(name) for name in encoded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(encoded.indices)


def _country(name: str) -> str | None:
    word = plain(name)
    if word in _COUNTRIES:
        return _COUNTRIES[word]
    return word.upper() if len(word) == 2 else None
