"""Which VAT a service between two companies bears (CGI art. 259, 283-1, 283-2, 293 B, 294, 296).

Services between companies are taxed where the customer is. Rates of the overseas departments are fixed here because
they depend on the place and not on the operator; the metropolitan rate is the setting `trade.vat_bp`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

REDUCED_OVERSEAS_BP = 850  # Guadeloupe, Martinique, Réunion
_OVERSEAS = {"971": REDUCED_OVERSEAS_BP, "972": REDUCED_OVERSEAS_BP, "974": REDUCED_OVERSEAS_BP, "973": 0, "976": 0}
_COUNTRIES = {"GP": "971", "MQ": "972", "GF": "973", "RE": "974", "YT": "976"}

# Member states whose companies' numbers a register answers for: supplies to them need a valid one.
OTHER_MEMBERS = frozenset("AT BE BG CY CZ DE DK EE ES FI GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())

Regime = Literal["taxed", "exempt_overseas", "reverse_charge", "franchise"]


@dataclass(frozen=True, slots=True)
class Party:
    """What VAT needs to know of a company. `country` is ISO 3166 alpha-2; `vat_number` is empty under franchise."""

    country: str
    postcode: str = ""
    vat_number: str = ""


@dataclass(frozen=True, slots=True)
class Vat:
    """The rate in basis points and the regime, which names the mention to print."""

    bp: int
    regime: Regime


def vat_on_service(seller: Party, buyer: Party, standard_bp: int) -> Vat:
    """VAT of a service sold by one company to another.

    A French seller without a VAT number is under franchise. Within France the customer's place decides (overseas
    departments have rates of their own); a customer abroad, or a seller abroad, means that the customer accounts for
    the tax (reverse charge).
    """
    if not (_french(seller) and _french(buyer)):
        return Vat(0, "reverse_charge")
    if not seller.vat_number:
        return Vat(0, "franchise")
    overseas = _overseas_bp(buyer)
    if overseas is None:
        return Vat(standard_bp, "taxed")
    return Vat(overseas, "taxed" if overseas else "exempt_overseas")


def _french(party: Party) -> bool:
    return party.country == "FR" or party.country in _COUNTRIES


def _overseas_bp(party: Party) -> int | None:
    department = _COUNTRIES.get(party.country) or party.postcode[:3]
    return _OVERSEAS.get(department)
