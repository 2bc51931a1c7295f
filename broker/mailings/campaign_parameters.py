"""Parameters by which an advertiser's statistics know a campaign (`utm_source` …), added to its links."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from broker.kernel.errors import InvalidInput

MOST = 10
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}").fullmatch
LONGEST_VALUE = 120


def check_parameters(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters, trimmed; empty values are left out. Raises `InvalidInput` naming the wrong one."""
    kept = {name.strip(): value.strip() for name, value in parameters.items() if value.strip()}
    if len(kept) > MOST:
        raise InvalidInput(f"At most {MOST} campaign parameters can be added.", code="bad_parameter", field="utm")
    for name, value in kept.items():
        if not _NAME(name):
            raise InvalidInput(
                f"{name!r} cannot be the name of a campaign parameter: letters, digits and _ . - only.",
                code="bad_parameter",
                field="utm",
            )
        if len(value) > LONGEST_VALUE or "{{" in value or "*|" in value:
            raise InvalidInput(
                f"The value of {name} is longer than {LONGEST_VALUE} characters or holds a merge tag.",
                code="bad_parameter",
                field="utm",
            )
    return kept


def with_parameters(url: str, parameters: Mapping[str, str]) -> str:
    """The link with the parameters that it does not have yet; not one other byte of it changes."""
    address, mark, fragment = url.partition("#")
    _, asks, query = address.partition("?")
    there = {part.partition("=")[0] for part in query.split("&")}
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items() if name not in there)
    if not added:
        return url
    joint = "?" if not asks else "&" if query and not query.endswith("&") else ""
    return f"{address}{joint}{added}{mark}{fragment}"
