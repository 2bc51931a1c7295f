"""Which send a returned message is about: by tokens only.

An address alone never matches: whoever may write to the bounce door could otherwise stop the mail of anybody whose
address he knows. Tokens are signed and were given to the recipient's server only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from broker.feedback.model import SendKey
from broker.feedback.returned.opened import OpenedMail
from broker.kernel.errors import InvalidInput
from broker.vault.keyring import FrontKeys
from broker.vault.tokens import TOKEN_LENGTH, Purpose, read_token

BOUNCE_PREFIX, LEAVE_PREFIX = "b-", "u-"
# Addresses of the bounce domain that take mail besides the tokens' own.
COMPLAINT_DESKS = frozenset({"abuse", "fbl"})
DESKS = COMPLAINT_DESKS | {"postmaster", "seeds"}
_TOKEN = re.compile(rf"(?<![a-z2-7])[a-z2-7]{{{TOKEN_LENGTH}}}(?![a-z2-7])", re.IGNORECASE)


class Match(NamedTuple):
    """A send, and whether the message came to its address for leaving."""

    key: SendKey
    asks_to_leave: bool


def read_recipient(front: FrontKeys, address: str) -> Match | None:
    """The send of an address `b-<token>` or `u-<token>`, or None."""
    local = address.rpartition("@")[0].lower()
    if local.startswith(BOUNCE_PREFIX):
        key = _read(front, ("bounce",), local.removeprefix(BOUNCE_PREFIX))
        return Match(key, False) if key else None
    if local.startswith(LEAVE_PREFIX):
        key = _read(front, ("leave",), local.removeprefix(LEAVE_PREFIX))
        return Match(key, True) if key else None
    return None


def match_returned(front: FrontKeys, recipients: Sequence[str], mail: OpenedMail) -> Match | None:
    """The send by the return path, else by the Message-ID (or return path, or List-Unsubscribe) of the copy."""
    for address in recipients:
        match = read_recipient(front, address)
        if match:
            return match
    places = [
        *mail.returned.get("message-id", ()),
        *(mail.feedback or {}).get("original-mail-from", ()),
        *mail.returned.get("return-path", ()),
        *mail.returned.get("list-unsubscribe", ()),
        *mail.headers.get("in-reply-to", ()),
        *mail.headers.get("references", ()),
    ]
    for place in places:
        for token in _TOKEN.findall(place):
            key = _read(front, ("message", "bounce", "leave"), token.lower())
            if key:
                return Match(key, False)
    return None


def message_key(front: FrontKeys, mail: OpenedMail) -> SendKey | None:
    """The send that a message itself is, by its own Message-ID: only our mail to that recipient has it."""
    for token in _TOKEN.findall(mail.header("message-id")):
        key = _read(front, ("message",), token.lower())
        if key:
            return key
    return None


def _read(front: FrontKeys, purposes: Sequence[Purpose], token: str) -> SendKey | None:
    for purpose in purposes:
        try:
            ref = read_token(front, purpose, token)
        except InvalidInput:
            continue
        return SendKey(ref.dispatch_id, ref.mailing_id, ref.position)
    return None
