"""How an owner corrects what a file was taken for: encoding, separator, order of dates, types of traits, domains.

Nothing here is guessed: what the owner leaves open stays as the file's first lines propose it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, get_args

from broker.bases.traits import Type
from broker.kernel.errors import InvalidInput

ENCODINGS = ("utf-8", "cp1252", "latin-1", "utf-16-le", "utf-16-be")
SEPARATORS = (";", ",", "\t", "|", "^", "~", ":")
TYPES: tuple[Type, ...] = get_args(Type)
MOST_DOMAINS = 200
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z0-9-]{2,24}")


@dataclass(frozen=True, slots=True)
class Reading:
    """`month_first` is None where the values decide; `types` is trait name → type, `domains` misspelt → meant."""

    encoding: str = ""
    delimiter: str = ""
    month_first: bool | None = None
    types: Mapping[str, Type] = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of(kept: Mapping[str, Any]) -> Reading:
        """From what a row keeps."""
        return Reading(
            encoding=kept.get("encoding", ""),
            delimiter=kept.get("delimiter", ""),
            month_first=kept.get("month_first"),
            types=dict(kept.get("types", {})),
            domains=dict(kept.get("domains", {})),
        )

    def as_dict(self) -> dict[str, Any]:
        """What a row keeps: nothing of what was left open."""
        return {key: value for key, value in asdict(self).items() if value not in ("", None, {})}


AS_FOUND = Reading()


def checked_reading(given: Mapping[str, Any]) -> Reading:
    """A reading from a form or a call; each unknown word is refused with those there are."""
    reading = Reading.of(given)
    if reading.encoding not in ("", *ENCODINGS):
        raise InvalidInput(
            f"There is no encoding '{reading.encoding[:40]}' here. There are {', '.join(ENCODINGS)}.",
            code="unknown_encoding", field="encoding",
        )  # fmt: skip
    if reading.delimiter not in ("", *SEPARATORS):
        raise InvalidInput("A separator is one of ; , | ^ ~ : or a tab.", code="unknown_separator", field="delimiter")
    if reading.month_first not in (None, True, False):
        raise InvalidInput("The month is first, or it is not.", code="bad_date_order", field="month_first")
    for name, type_ in reading.types.items():
        if type_ not in TYPES:
            raise InvalidInput(
                f"There is no type '{str(type_)[:40]}' of a trait. There are {', '.join(TYPES)}.",
                code="unknown_type", field=name,
            )  # fmt: skip
    if len(reading.domains) > MOST_DOMAINS:
        raise InvalidInput(f"At most {MOST_DOMAINS} domains are corrected.", code="too_many_domains", field="domains")
    for wrong, right in reading.domains.items():
        if not _DOMAIN.fullmatch(wrong) or not _DOMAIN.fullmatch(str(right)):
            raise InvalidInput(
                "A correction names two mail domains in lower case: gmial.com → gmail.com.",
                code="bad_domain", field="domains",
            )  # fmt: skip
    return reading
