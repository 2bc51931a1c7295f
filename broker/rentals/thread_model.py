"""A message about an order, and what may not stand in one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import phonenumbers

from broker.kernel.errors import InvalidInput

LONGEST_MESSAGE = 4_000
_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+\s?(?:@|\(at\)|\[at\])\s?[^\s@<>\"'(),;:]+\.[^\W\d_]{2,}", re.IGNORECASE)
_HASH = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{32}|[0-9a-f]{64})(?![0-9a-f])", re.IGNORECASE)
_CONTACT_LINK = re.compile(r"/(?:contacts|customers|rights|who|c|u)/[^\s]{6,}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """`writer` is empty where the writer's side is not to be known yet; `own`: written by the reader's side."""

    id: int
    code: str
    party: Literal["advertiser", "owner", "broker"]
    writer: str
    text: str
    at: datetime
    own: bool
    unread: bool


@dataclass(frozen=True, slots=True)
class UnreadThread:
    """An order with messages that the acting person has not read."""

    order_code: str
    card_title: str
    unread: int


def clean_message(text: str) -> str:
    """A message as it is kept: no address, telephone number or fingerprint of a person, no link to a contact's page.

    A thread is read by three parties; what singles out a person has no place in it, and parties who would meet
    elsewhere are not introduced before the approval. Raises `InvalidInput` (`empty_message`, `person_in_message`).
    """
    plain = text.replace("\0", "").replace("\r\n", "\n").strip()
    if not plain or len(plain) > LONGEST_MESSAGE:
        raise InvalidInput(f"Write 1 to {LONGEST_MESSAGE:,} characters.", code="empty_message", field="text")
    found = (
        "an e-mail address" if _ADDRESS.search(plain)
        else "a fingerprint of an address" if _HASH.search(plain)
        else "a link to a person's page" if _CONTACT_LINK.search(plain)
        else "a telephone number" if next(iter(phonenumbers.PhoneNumberMatcher(plain, "FR")), None)
        else ""
    )  # fmt: skip
    if found:
        raise InvalidInput(
            f"Messages hold nothing by which a person is found, and this one holds {found}. Take it out.",
            code="person_in_message",
            field="text",
        )
    return plain
