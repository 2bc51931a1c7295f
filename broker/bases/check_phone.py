"""Phone numbers to E.164, by columns: French ones by a regular expression, the others by `phonenumbers`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

# Nine digits behind 0, 33, +33 or 0033; a spreadsheet drops the leading 0.
# Overseas departments dial 0 too, and have country codes of their own (ARCEP's numbering plan).
_OVERSEAS = (
    (r"^\+33(590|690|691)(\d{6})$", r"+590\1\2"),
    (r"^\+33(594|694)(\d{6})$", r"+594\1\2"),
    (r"^\+33(596|696|697)(\d{6})$", r"+596\1\2"),
    (r"^\+33(262|263|269|639|692|693)(\d{6})$", r"+262\1\2"),
)
_FRANCE, _FRENCH_DIGITS = 33, 9
_FRENCH = r"^(?:(?:\+|00)?33(?:\(?0\)?)?|0)?([1-9]\d{8})$"


def check_phones(column: pa.Array, countries: list[str] | None = None) -> tuple[pa.Array, npt.NDArray[np.bool_]]:
    """(E.164 numbers, null where there is none; which non-empty values are no phone number).

    `countries` gives the ISO code of each row for numbers without a prefix; default France.
    """
    bare = pc.replace_substring_regex(column, r"[\s.\-/]+", "")
    foreign = np.zeros(len(column), np.bool_) if countries is None else np.array([c != "FR" for c in countries])
    match = pc.match_substring_regex(bare, _FRENCH)
    french = np.asarray(match) & (~foreign | np.asarray(pc.match_substring_regex(bare, r"^(?:\+|00)33")))
    national = pc.replace_substring_regex(bare, _FRENCH, r"+33\1")
    if pc.any(pc.match_substring_regex(national, r"^\+33(?:59|69|26|639)")).as_py():
        for pattern, abroad in _OVERSEAS:
            national = pc.replace_substring_regex(national, pattern, abroad)
    result = pc.if_else(pa.array(french), national, pa.scalar(None, pa.string()))
    rest = np.flatnonzero(~french & np.asarray(pc.not_equal(bare, "")))
    wrong = np.zeros(len(column), np.bool_)
    if not len(rest):
        return result, wrong
    known: dict[tuple[str, str], str | None] = {}
    numbers: list[str | None] = []
    for row, text in zip(rest.tolist(), column.take(pa.array(rest)).to_pylist(), strict=True):
        key = (text.strip(), "FR" if countries is None else countries[row])
        if key not in known:
            known[key] = parse_phone(*key)
        numbers.append(known[key])
        wrong[row] = known[key] is None
    mask = np.zeros(len(column), np.bool_)
    mask[rest] = True
    return pc.replace_with_mask(result, pa.array(mask), pa.array(numbers, pa.string())), wrong


def parse_phone(text: str, country: str) -> str | None:
    """E.164 of one number as dialled from `country`, or None if no such number can exist (ITU E.164)."""
    if not 4 <= len(text) <= 40:
        return None
    try:
        number = phonenumbers.parse(text, country or "FR")
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        # A word beside it, or two of them: the first is taken.
        found = next(iter(phonenumbers.PhoneNumberMatcher(text, country or "FR")), None)
        if found is None:
            return None
        number = found.number
    if number.country_code == _FRANCE and len(str(number.national_number)) != _FRENCH_DIGITS:
        return None  # 0 000 000 000
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
