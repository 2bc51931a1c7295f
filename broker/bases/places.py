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


# Forms of other countries' codes, without blanks and without the country's letter in front (Universal Postal Union).
_FORMS = {
    "BE": r"[1-9]\d{3}", "CH": r"[1-9]\d{3}", "LU": r"\d{4}", "AT": r"[1-9]\d{3}", "DE": r"\d{5}",
    "ES": r"(?:0[1-9]|[1-4]\d|5[0-2])\d{3}", "IT": r"\d{5}", "PT": r"[1-9]\d{3}(?:-\d{3})?",
    "NL": r"[1-9]\d{3}[A-Z]{2}", "MC": r"980\d{2}", "US": r"\d{5}(?:-?\d{4})?", "CA": r"[A-Z]\d[A-Z]\d[A-Z]\d",
    "GB": r"[A-Z]{1,2}\d[A-Z\d]?\d[A-Z]{2}", "IE": r"[A-Z](?:\d{2}|6W)[A-Z\d]{4}",
}  # fmt: skip
_FOREIGN = (
    "^(?:" + "|".join(f"{country}:{form}" for country, form in _FORMS.items()) + "|"
    # Any other country: a code that could be one.
    "(?:[A-Z]{2}:[A-Z0-9-]{3,10}))$"
)
_OWN_FORM = "^(?:" + "|".join(_FORMS) + "):"
# Of the French post and not of the list of communes: Pacific collectivities, and Monaco.
_PACIFIC, _MONACO = r"^98[678]\d{2}$", r"^980\d{2}$"
_CEDEX = re.compile(r"cedex", re.IGNORECASE)
_HAS_DIGIT = re.compile(r"\d")
_NUMBERED = re.compile(r" \d+.*$")


@dataclass(frozen=True, slots=True)
class PlaceTable:
    """Communes in the order of the file; `first_of` has, for each post code, the most populous commune's row."""

    codes: pa.Array  # distinct post codes
    first_of: npt.NDArray[np.int64]
    rows_of: dict[str, list[int]]  # post code to its communes
    rows_in: dict[str, list[int]]  # department to its communes
    exact: dict[str, int]  # post code and commune as the list writes it, a line apart
    commune: pa.Array
    department: pa.Array
    region: pa.Array

    @property
    def names(self) -> frozenset[str]:
        """All communes' names, plain."""
        return _plain_names()


@cache
def _plain_names() -> frozenset[str]:
    return frozenset(plain_city(name) for name in place_table().commune.to_pylist())


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
    rows_in: dict[str, list[int]] = {}
    for number, department in enumerate(table.column("department").to_pylist()):
        rows_in.setdefault(department, []).append(number)
    return PlaceTable(
        pa.array(list(rows_of)),
        np.array([max(rows, key=lambda row: people[row]) for rows in rows_of.values()], np.int64),
        rows_of,
        rows_in,
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
    cedex: int  # codes of companies' mail, placed by department and city


def check_places(postcode: pa.Array, city: pa.Array | None, country: pa.Array | None) -> CheckedPlaces:
    """Complete and check post codes; `1000` is `01000` from a spreadsheet, other countries' codes pass by form.

    A CEDEX is no commune's code: the department comes from its digits, the commune from the city's name where there is
    one of that name.
    """
    table = place_table()
    size = len(postcode)
    countries = check_countries(country, size)
    french = pc.fill_null(pc.equal(countries, "FR"), False)
    trimmed = pc.utf8_trim_whitespace(postcode)
    digits = pc.utf8_upper(
        pc.replace_substring_regex(trimmed, r"^(?i:fr?|b|d|l|ch|cz|a|i|nl)-|(?i:cedex.*)$|\s+|[.,]0$", "")
    )
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
    coded = pc.binary_join_element_wise(pc.fill_null(countries, "--"), digits, ":")
    of_others = pc.and_(pc.match_substring_regex(coded, _FOREIGN), pc.invert(french))
    # The last arm of the pattern would take what a country's own form refuses.
    if pc.any(pc.and_(of_others, pc.match_substring_regex(coded, _OWN_FORM))).as_py():
        own = "^(?:" + "|".join(f"{country}:{form}" for country, form in _FORMS.items()) + ")$"
        refused = pc.and_(pc.match_substring_regex(coded, _OWN_FORM), pc.invert(pc.match_substring_regex(coded, own)))
        of_others = pc.and_(of_others, pc.invert(refused))
    unnamed = pc.and_(pc.is_null(countries), pc.match_substring_regex(digits, r"^[A-Z0-9-]{3,10}$"))
    by_form = pc.or_(pc.or_(of_others, unnamed), pc.and_(french, pc.match_substring_regex(filled, _PACIFIC)))
    monaco = pc.and_(pc.and_(french, pc.invert(known)), pc.match_substring_regex(filled, _MONACO))
    if pc.any(monaco).as_py():
        countries, by_form = pc.if_else(monaco, "MC", countries), pc.or_(by_form, monaco)
    left = np.asarray(pc.and_(french, pc.invert(pc.or_(known, by_form)))) & ~empty
    commune, department, region = (column.take(places) for column in (table.commune, table.department, table.region))
    cedex = np.zeros(size, np.bool_)
    if left.any():
        cedex, commune, department, region = _place_cedex(left, filled, trimmed, city, (commune, department, region))
    pacific = pc.and_(french, pc.match_substring_regex(filled, _PACIFIC))
    if pc.any(pacific).as_py():
        department = pc.if_else(pacific, pc.utf8_slice_codeunits(filled, 0, 3), department)
    good = pc.or_(pc.or_(known, by_form), pa.array(cedex))
    mended = pc.sum(pc.and_(good, pc.not_equal(trimmed, filled))).as_py() or 0
    return CheckedPlaces(
        pc.if_else(good, filled, pa.scalar(None, pa.string())),
        commune,
        department,
        region,
        countries,
        ~np.asarray(good) & ~empty,
        mended,
        int(cedex.sum()),
    )


def _place_cedex(
    left: npt.NDArray[np.bool_], codes: pa.Array, cells: pa.Array, city: pa.Array | None, found: tuple[pa.Array, ...]
) -> tuple[npt.NDArray[np.bool_], pa.Array, pa.Array, pa.Array]:
    """Which of the codes `left` are a CEDEX's, and commune, department and region with theirs filled in."""
    numbers = np.flatnonzero(left)
    taken = pa.array(numbers)
    cities = [""] * len(numbers) if city is None else city.take(taken).to_pylist()
    cedex = np.zeros(len(left), np.bool_)
    placed: list[tuple[str | None, ...]] = []
    rows = zip(numbers.tolist(), codes.take(taken).to_pylist(), cells.take(taken).to_pylist(), cities, strict=True)
    for number, code, cell, name in rows:
        place = cedex_place(code, name or "", said=bool(_CEDEX.search(cell) or _CEDEX.search(name or "")))
        if place is not None:
            cedex[number] = True
            placed.append(place)
    mask = pa.array(cedex)
    filled = (
        pc.replace_with_mask(column, mask, pa.array([place[at] for place in placed], pa.string()))
        for at, column in enumerate(found)
    )
    return (cedex, *filled)


@lru_cache(maxsize=50_000)
def cedex_place(code: str, city: str, *, said: bool) -> tuple[str | None, str, str] | None:
    """(commune or None, department, region) of a code that is no commune's; None where it cannot be a CEDEX.

    It is one where the file says so, or where a commune of the city's name lies in the department of its digits.
    """
    if not re.fullmatch(r"\d{5}", code):
        return None
    table = place_table()
    departments = (code[:3],) if code[:2] == "97" else ("2A", "2B") if code[:2] == "20" else (code[:2],)
    wanted = plain_city(city)
    for department in departments:
        rows = table.rows_in.get(department, ())
        row = next((row for row in rows if wanted and _plain_commune(row) == wanted), None)
        if row is not None:
            return table.commune[row].as_py(), department, table.region[row].as_py()
    if said and (rows := table.rows_in.get(departments[0], ())):
        return None, departments[0], table.region[rows[0]].as_py()
    return None


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


def known_country(name: str) -> bool:
    """Whether a word is a country's that we know by name."""
    return plain(name) in _COUNTRIES


def _country(name: str) -> str | None:
    word = plain(name)
    if word in _COUNTRIES:
        return _COUNTRIES[word]
    return word.upper() if len(word) == 2 else None
