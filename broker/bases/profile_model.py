"""What a person may complete or correct of its own row, field by field: what it types, and what is kept of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from broker.bases.check_phone import parse_phone
from broker.bases.dates import read_date
from broker.bases.genders import gender_of
from broker.bases.places import check_places
from broker.bases.traits import FALSE, TRUE
from broker.kernel.errors import InvalidInput

# Of the vault. The address itself is none: another address is another contact.
IDENTITY = ("first_name", "last_name", "phone", "mobile", "street", "street_more", "city")
CORE = ("gender", "birth_date", "postcode", "family_status", "occupation")
LONGEST = 200
OLDEST_YEARS = 120
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,6})?")


@dataclass(frozen=True, slots=True)
class ProfileField:
    """A field of the page; `type` is text, gender, date, bool, number or postcode."""

    name: str
    type: str


def profile_field(name: str, column_type: str | None) -> ProfileField:
    """The field of this name; a trait's type is that of its column in the snapshot."""
    if name in IDENTITY or name in ("family_status", "occupation"):
        return ProfileField(name, "text")
    if name == "gender":
        return ProfileField(name, "gender")
    if name == "birth_date":
        return ProfileField(name, "date")
    if name == "postcode":
        return ProfileField(name, "postcode")
    known = {"bool": "bool", "number": "number", "date": "date"}
    return ProfileField(name, known.get(column_type or "", "text"))


def checked_values(fields: Mapping[str, ProfileField], typed: Mapping[str, str]) -> dict[str, str]:
    """What a person typed, in the form that is kept; empty values are left out, unknown fields refused."""
    values = {}
    for name, text in typed.items():
        text = " ".join(text.split())
        if not text:
            continue
        if name not in fields:
            raise InvalidInput("This field is not open here.", code="bad_field", field=name)
        read = _READERS.get(fields[name].type, _text)(text)
        if read is None:
            raise InvalidInput("This cannot be read. Look at the example.", code="bad_value", field=name)
        values[name] = read
    return values


def traits_of(values: Mapping[str, str], today: date) -> dict[str, str]:
    """What of the values counts in a snapshot, derived columns among them; values as texts that DuckDB casts."""
    found = {name: value for name, value in values.items() if name not in IDENTITY and name != "postcode"}
    if values.get("phone") or values.get("mobile"):
        found["has_phone"] = "true"
    if values.get("street"):
        found["has_street"] = "true"
    if "postcode" in values:
        city = pa.array([values["city"]]) if values.get("city") else None
        places = check_places(pa.array([values["postcode"]]), city, None)
        for name in ("postcode", "commune", "department", "region"):
            value = getattr(places, name)[0].as_py()
            if value:
                found[name] = str(value)
    return found


def sealed_of(values: Mapping[str, str]) -> dict[str, str]:
    """What of the values is sealed in the vault."""
    found = {name: value for name, value in values.items() if name in (*IDENTITY, "postcode")}
    for name in ("phone", "mobile"):
        if name in found:
            found[name] = parse_phone(found[name], "FR") or found[name]
    return found


def _text(text: str) -> str | None:
    return text if len(text) <= LONGEST else None


def _gender(text: str) -> str | None:
    return gender_of(text)[0]


def _date(text: str) -> str | None:
    read = read_date(text)
    if read is None or not date.today().year - OLDEST_YEARS <= read.year <= date.today().year + 1:  # noqa: DTZ011 - a bound
        return None
    return read.date().isoformat()


def _bool(text: str) -> str | None:
    lower = text.lower()
    return "true" if lower in TRUE else "false" if lower in FALSE else None


def _number(text: str) -> str | None:
    plain = re.sub(r"[\s\u00a0\u202f]", "", text).replace(",", ".")
    return plain if _NUMBER.fullmatch(plain) else None


def _postcode(text: str) -> str | None:
    found = check_places(pa.array([text]), None, None).postcode[0].as_py()
    return None if found is None else str(found)


_READERS: Mapping[str, Callable[[str], str | None]] = {
    "gender": _gender,
    "date": _date,
    "bool": _bool,
    "number": _number,
    "postcode": _postcode,
}
