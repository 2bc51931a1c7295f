"""A message of a mailbox: sealed and kept once, whatever dies between taking it and removing it there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from email.parser import BytesHeaderParser
from email.utils import getaddresses

from broker.feedback import mailbox_store as store
from broker.feedback.receive_inbound import INBOUND_SEAL
from broker.kernel.database import UnitOfWork
from broker.vault.keyring import FrontKeys
from broker.vault.seal import seal_message

# Written by the server that delivered into the mailbox; `To` may name anybody.
ENVELOPE_HEADERS = ("Delivered-To", "X-Original-To", "Envelope-To")


def box_name(*place: object) -> str:
    """The name under which a mailbox's messages are remembered: nothing of the account can be read from it."""
    return hashlib.sha256("|".join(map(str, place)).encode()).hexdigest()[:32]


def take_message(unit: UnitOfWork, front: FrontKeys, box: str, key: str, raw: bytes) -> bool:
    """Keep a message of `box` once for each of its recipients; False when `key` was taken before."""
    sealed = [
        seal_message(front, json.dumps([recipient]).encode() + b"\n" + raw, INBOUND_SEAL)
        for recipient in recipients_of(raw) or [""]
    ]
    return store.take(unit, box, key, sealed)


def removed_message(unit: UnitOfWork, box: str, key: str) -> None:
    """The message is gone from the mailbox: nothing need be remembered of it."""
    store.removed(unit, box, key)


def recipients_of(raw: bytes) -> Sequence[str]:
    """Whom a message came for, as the delivering server wrote it."""
    headers = BytesHeaderParser().parsebytes(raw)
    given = [str(value) for name in ENVELOPE_HEADERS for value in headers.get_all(name, ())]
    return sorted({address.lower() for _, address in getaddresses(given) if "@" in address})
