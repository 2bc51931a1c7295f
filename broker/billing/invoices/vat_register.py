"""Who is asked whether a VAT number is valid: the Commission's VIES, or a declared fake in demos."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import urllib3
from stdnum.eu import vat

from broker.kernel.errors import Conflict, Unavailable
from broker.kernel.settings import Settings

VIES = "https://ec.europa.eu/taxation_customs/vies/rest-api/check-vat-number"
SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class VatAnswer:
    """What the register said. `consultation` is its own number of the question: the proof that it was asked."""

    valid: bool
    name: str
    address: str
    consultation: str
    source: Literal["vies", "fake"]


class VatRegister(Protocol):
    """A register of VAT numbers."""

    def ask(self, number: str, asker: str) -> VatAnswer:
        """Whether a number is valid, asked in the name of `asker` (our own number). Raises `Unavailable`."""


class ViesRegister:
    """The European Commission's service (REST). Written after its published description; see docs/money.md."""

    def __init__(self, pool: urllib3.PoolManager | None = None, address: str = VIES) -> None:
        self._pool = pool or urllib3.PoolManager(retries=False, timeout=SECONDS)
        self._address = address

    def ask(self, number: str, asker: str) -> VatAnswer:
        """Ask once; a member state that does not answer is `Unavailable`, never 'invalid'."""
        body = {
            "countryCode": number[:2],
            "vatNumber": number[2:],
            "requesterMemberStateCode": asker[:2],
            "requesterNumber": asker[2:],
        }
        try:
            reply = self._pool.request(
                "POST", self._address, body=json.dumps(body), headers={"Content-Type": "application/json"}
            )
            said: Any = json.loads(reply.data)
        except (urllib3.exceptions.HTTPError, ValueError):
            raise Unavailable("The register of VAT numbers (VIES) does not answer. Try again later.") from None
        if reply.status != 200 or not isinstance(said, dict) or not isinstance(said.get("valid"), bool):
            raise Unavailable("The register of VAT numbers (VIES) gave no answer about this number. Try again later.")
        return VatAnswer(
            said["valid"],
            _text(said.get("name")),
            _text(said.get("address")),
            _text(said.get("requestIdentifier")),
            "vies",
        )


class FakeRegister:
    """Asks nobody: a number is valid where its check digits are. For demos, and its answers say so."""

    def ask(self, number: str, asker: str) -> VatAnswer:
        """The check digits' verdict."""
        return VatAnswer(bool(vat.is_valid(number)), "", "", "", "fake")


def choose_register(settings: Settings) -> VatRegister:
    """The register that the settings name; raises `Conflict` (`no_vat_register`) when there is none."""
    if settings.trade.vat_register == "vies":
        return ViesRegister()
    if settings.trade.vat_register == "fake" and settings.instance.demo:
        return FakeRegister()
    raise Conflict(
        'No register of VAT numbers is set up: set trade.vat_register = "vies".',
        code="no_vat_register",
        field="trade.vat_register",
    )


def compact(number: str) -> str:
    """`be 0417.497.106` → `BE0417497106`."""
    return re.sub(r"[^A-Z0-9]", "", number.upper())


def _text(value: object) -> str:
    text = " ".join(str(value or "").split())
    return "" if text == "---" else text[:500]
