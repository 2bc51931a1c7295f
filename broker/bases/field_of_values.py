"""What a column holds when its header says nothing (`Colonne1`): told from its first values, or left alone.

Consent is never guessed from a yes or a date: only its own header says what was agreed to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from broker.bases.dates import read_date
from broker.bases.genders import GENDERS
from broker.bases.places import known_country, place_table, plain_city
from broker.bases.words import family_status_of, relation_of

FEWEST = 3  # values, below which nothing is told
MOST_OF_THEM = 0.9
_STREET = re.compile(
    r"(?i)\d{1,5}\s*(?:bis|ter|quater|[a-d])?[\s,]+(?:rue|r\.|avenue|av|ave|boulevard|bd|bld|chemin|ch|impasse|imp|"
    r"allee|all[ée]e|place|pl|route|rte|quai|cours|square|passage|lotissement|lot|villa|cit[ée]|hameau|street|st|road|"
    r"rd|lane|faubourg|fg|sentier|voie|esplanade|promenade|residence|r[ée]sidence)\b.*"
)
_HANDLE = re.compile(
    r"(?i)@[\w.]{2,30}|(?:https?://)?(?:www\.)?(?:facebook|instagram|linkedin|tiktok|twitter|x)\.com/.+"
)
_NAME = re.compile(r"[^\W\d_][^\d_|;,@]{1,40}")
_OLDEST, _YOUNGEST = 1905, 2012  # years of birth, by which a column of dates is known


def field_of_values(column: Sequence[str]) -> str | None:
    """A core field that nearly all values fit, or None."""
    values = [cell.strip() for cell in column if cell.strip()]
    if len(values) < FEWEST:
        return None
    distinct = {value.lower().rstrip(".") for value in values}
    if len(distinct) == 2 and distinct in ({"h", "f"}, {"m", "f"}, {"male", "female"}):
        return "gender"
    table = place_table()
    codes = table.rows_of
    for field, fits in (
        ("postcode", lambda value: value in codes or (value.zfill(5) in codes and len(value) == 4)),
        ("birth_date", _is_birth_date),
        ("street", lambda value: _STREET.fullmatch(value) is not None),
        ("social", lambda value: _HANDLE.fullmatch(value) is not None),
        ("family_status", lambda value: len(value) > 1 and family_status_of(value) is not None),
        ("relation", lambda value: len(value) > 1 and relation_of(value) is not None),
        ("country", lambda value: len(value) > 1 and known_country(value)),
        ("city", lambda value: plain_city(value) in table.names and value.lower() not in GENDERS),
    ):
        if sum(fits(value) for value in values) >= MOST_OF_THEM * len(values):
            return field
    return None


def looks_like_names(column: Sequence[str]) -> bool:
    """Words with hardly a figure, most of them different: people, rather than groups of them."""
    values = [cell.strip() for cell in column if cell.strip()]
    if len(values) < FEWEST or len({value.lower() for value in values}) * 2 <= len(values):
        return False
    return sum(_NAME.fullmatch(value) is not None for value in values) >= MOST_OF_THEM * len(values)


def _is_birth_date(value: str) -> bool:
    if value.isdigit() and len(value) < 8:
        return False  # a number before it is a day of Excel
    moment = read_date(value, century_turn=_YOUNGEST % 100)
    return moment is not None and _OLDEST <= moment.year <= _YOUNGEST and ":" not in value
