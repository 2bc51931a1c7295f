"""SEPA credit transfers: pain.001.001.09 (ISO 20022), as banks take it from November 2025 on.

Structured addresses with town and country at least, amounts of two decimals, the letters that every bank of the area
can read (EPC217-08).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from broker.kernel.errors import IntegrityFault

MOST_CENTS = 99_999_999_999  # EPC132-08: 999,999,999.99
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
_WRITTEN_OUT = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ł": "l", "Ł": "L", "ø": "o", "Ø": "O", "&": "+", "’": "'"}
)


@dataclass(frozen=True, slots=True)
class Place:
    """Who holds an account, and where; town and country are not empty."""

    name: str
    street: str
    postcode: str
    city: str
    country: str
    iban: str
    bic: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One credit transfer in cents of euro. `end_to_end_id` is unique and reaches the payee."""

    end_to_end_id: str
    cents: int
    to: Place
    about: str


def plain(text: str, length: int) -> str:
    """A text in the letters of SEPA, cut: accents go, other letters become a full stop.

    It neither begins nor ends with a slash and holds no two in a row (EPC217-08, 6.2).
    """
    flat = unicodedata.normalize("NFKD", text.translate(_WRITTEN_OUT))
    kept = [char if char in _PLAIN else "." for char in flat if not unicodedata.combining(char)]
    text = re.sub("/{2,}", "/", " ".join("".join(kept).split()))
    return text.strip("/ ")[:length].strip("/ ")


def readable(text: str) -> bool:
    """Whether a bank could read anything of a text: one letter or digit is left of it."""
    return any(char.isalnum() for char in plain(text, len(text)))


def pain001(message_id: str, created: datetime, day: date, payer: Place, transfers: Sequence[Transfer]) -> bytes:
    """The file for the bank: one batch of `transfers` to be executed on `day`.

    Raises `IntegrityFault` (`bad_transfer`) for none, an amount that no bank takes, or an end-to-end id twice.
    """
    if not transfers or any(not 0 < transfer.cents <= MOST_CENTS for transfer in transfers):
        raise IntegrityFault("A transfer is of 0.01 to 999,999,999.99 EUR.", code="bad_transfer")
    if len({transfer.end_to_end_id for transfer in transfers}) < len(transfers):
        raise IntegrityFault("Two transfers bear one end-to-end id.", code="bad_transfer")
    root = etree.Element(f"{{{NAMESPACE}}}Document", nsmap={None: NAMESPACE})
    start = _add(root, "CstmrCdtTrfInitn")
    head = _add(start, "GrpHdr")
    count, total = str(len(transfers)), _amount(sum(transfer.cents for transfer in transfers))
    _add(head, "MsgId", text=message_id)
    _add(head, "CreDtTm", text=created.isoformat(timespec="seconds"))
    _add(head, "NbOfTxs", text=count)
    _add(head, "CtrlSum", text=total)
    _add(head, "InitgPty", "Nm", text=plain(payer.name, 70))
    batch = _add(start, "PmtInf")
    _add(batch, "PmtInfId", text=message_id)
    _add(batch, "PmtMtd", text="TRF")
    _add(batch, "BtchBookg", text="true")
    _add(batch, "NbOfTxs", text=count)
    _add(batch, "CtrlSum", text=total)
    _add(batch, "PmtTpInf", "SvcLvl", "Cd", text="SEPA")
    _add(batch, "ReqdExctnDt", "Dt", text=day.isoformat())
    _party(_add(batch, "Dbtr"), payer)
    _add(batch, "DbtrAcct", "Id", "IBAN", text=payer.iban)
    agent = _add(batch, "DbtrAgt", "FinInstnId")
    if payer.bic:
        _add(agent, "BICFI", text=payer.bic)
    else:
        _add(agent, "Othr", "Id", text="NOTPROVIDED")
    _add(batch, "ChrgBr", text="SLEV")
    for transfer in transfers:
        item = _add(batch, "CdtTrfTxInf")
        _add(item, "PmtId", "EndToEndId", text=transfer.end_to_end_id)
        _add(item, "Amt", "InstdAmt", text=_amount(transfer.cents)).set("Ccy", "EUR")
        if transfer.to.bic:
            _add(item, "CdtrAgt", "FinInstnId", "BICFI", text=transfer.to.bic)
        _party(_add(item, "Cdtr"), transfer.to)
        _add(item, "CdtrAcct", "Id", "IBAN", text=transfer.to.iban)
        if about := plain(transfer.about, 140):
            _add(item, "RmtInf", "Ustrd", text=about)
    out: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True)
    return out


def _party(place: etree._Element, party: Place) -> None:
    _add(place, "Nm", text=plain(party.name, 70))
    address = _add(place, "PstlAdr")
    for name, text, length in (("StrtNm", party.street, 70), ("PstCd", party.postcode, 16), ("TwnNm", party.city, 35)):
        if plain(text, length):
            _add(address, name, text=plain(text, length))
    _add(address, "Ctry", text=party.country)


def _add(place: etree._Element, *names: str, text: str | None = None) -> etree._Element:
    for name in names:
        place = etree.SubElement(place, f"{{{NAMESPACE}}}{name}")
    place.text = text
    return place


def _amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
