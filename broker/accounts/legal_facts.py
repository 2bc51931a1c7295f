"""Whether an organisation's legal facts can be true: SIREN, VAT number, country, post code."""

from __future__ import annotations

import re
from collections.abc import Mapping

from babel import Locale
from stdnum.eu import vat
from stdnum.fr import siren as siren_rules

from broker.kernel.errors import InvalidInput

_VAT_PREFIX = {"gr": "el"}  # Greece writes EL (directive 2006/112/EC, art. 215)
_PLACES = ("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ")  # two letters of CLDR that are no country


def country_codes() -> frozenset[str]:
    """The countries (ISO 3166-1, two letters)."""
    territories = Locale("en").territories
    return frozenset(code for code in map(str, territories) if re.fullmatch("[A-Z]{2}", code) and code not in _PLACES)


def checked_legal(legal: Mapping[str, str]) -> dict[str, str]:
    """The facts that were given, written plainly; empty ones are left out.

    A SIREN has nine digits of which the last checks the others (INSEE); a French organisation needs one. A VAT number
    of a member state follows that state's rules, begins with its letters, and a French one ends with the SIREN.
    Raises `InvalidInput` naming the field.
    """
    facts = {key: " ".join(value.split()) for key, value in legal.items() if value.strip()}
    country = facts["country"] = facts.get("country", "FR").upper()
    if country not in country_codes():
        raise InvalidInput(
            f"'{country}' is no country: write the two letters of ISO 3166-1, like FR.",
            code="bad_country", field="country",
        )  # fmt: skip
    number = re.sub(r"[\s.\u00a0\u202f-]", "", facts.get("siren", ""))
    if number and not siren_rules.is_valid(number):
        raise InvalidInput(
            f"{number} is no SIREN: nine digits, of which the last checks the others.", code="bad_siren", field="siren"
        )
    if country == "FR" and not number:
        raise InvalidInput("A French organisation has a SIREN: invoices name it.", code="bad_siren", field="siren")
    if number:
        facts["siren"] = number
    if "vat_number" in facts:
        facts["vat_number"] = _vat(facts["vat_number"], country, number)
    if country == "FR" and not re.fullmatch("[0-9]{5}", facts.get("postcode", "75001")):
        raise InvalidInput("A French post code has five digits.", code="bad_postcode", field="postcode")
    return facts


def _vat(text: str, country: str, siren: str) -> str:
    plain = re.sub(r"[\s.\u00a0\u202f-]", "", text).upper()
    state = country.lower()
    if state in vat.MEMBER_STATES:
        prefix = _VAT_PREFIX.get(state, state).upper()
        if not plain.startswith(prefix) or not vat.is_valid(plain):
            raise InvalidInput(
                f"{plain} is no VAT number of {country}: it begins with {prefix} and its digits check each other.",
                code="bad_vat_number", field="vat_number",
            )  # fmt: skip
        if country == "FR" and not plain.endswith(siren):
            raise InvalidInput(
                f"The VAT number {plain} is another company's: it does not end with the SIREN {siren}.",
                code="bad_vat_number", field="vat_number",
            )  # fmt: skip
    elif not re.fullmatch("[A-Z0-9]{4,20}", plain):
        raise InvalidInput(
            f"{plain[:30]} is no VAT number: letters and digits only.", code="bad_vat_number", field="vat_number"
        )
    return plain
