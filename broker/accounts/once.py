"""Calls that a program may repeat without doing them twice (draft-ietf-httpapi-idempotency-key-header).

A key belongs to a person and names one call with one body for a day. That the call was carried out is written in the
transaction that carries it out; so whatever breaks off, a second call under the same key changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from broker.accounts import once_store as store
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, Forbidden, InvalidInput

KEEP_HOURS = 24
_KEY = re.compile(r"[!-~]{1,255}").fullmatch


@dataclass(frozen=True, slots=True)
class EarlierReply:
    """What the same call was answered with before."""

    status: int
    body: str


def begin_once(unit: UnitOfWork, key: str, call: str, body: bytes) -> EarlierReply | None:
    """Claim a key for a call, or give the reply of the same call made before.

    Raises `InvalidInput` (`bad_idempotency_key`, `idempotency_key_reused`) and `Conflict` (`call_in_progress`,
    `reply_not_kept`).
    """
    if _KEY(key) is None:
        raise InvalidInput(
            "An Idempotency-Key is 1 to 255 visible ASCII characters, for example a UUID.",
            code="bad_idempotency_key",
            field="Idempotency-Key",
        )
    if unit.actor.user_id is None:
        raise Forbidden("An Idempotency-Key belongs to a person: use the API key of one.", code="user_needed")
    user, digest = unit.actor.user_id, hashlib.sha256(body).digest()
    if store.claim(unit, user, unit.actor.org, key, call, digest):
        return None
    earlier = store.found(unit, user, key)
    if earlier is None:  # given back between the two statements
        raise Conflict("The same call is being made right now. Try again in a moment.", code="call_in_progress")
    # An agency's person acts for one client, then for another: the same words are another call then.
    if (earlier.org_id, earlier.call, bytes(earlier.body_hash)) != (unit.actor.org, call, digest):
        raise InvalidInput(
            "This Idempotency-Key was used for another call. Take a fresh one.",
            code="idempotency_key_reused",
            field="Idempotency-Key",
        )
    if earlier.stale:  # its process died before it did anything
        store.release(unit, user, key)
        if store.claim(unit, user, unit.actor.org, key, call, digest):
            return None
    if not earlier.done:
        raise Conflict("The same call is being made right now. Try again in a moment.", code="call_in_progress")
    if earlier.reply is None:
        raise Conflict(
            "This call was carried out before; its reply was not kept. Look at the object instead.",
            code="reply_not_kept",
        )
    return EarlierReply(earlier.status, earlier.reply)


def carried_out(unit: UnitOfWork, key: str) -> None:
    """Write, in the transaction of the work, that it is done."""
    assert unit.actor.user_id is not None
    store.mark_done(unit, unit.actor.user_id, key)


def end_once(unit: UnitOfWork, key: str, status: int, reply: str | None) -> None:
    """Keep the reply of a call that was carried out; a call that changed nothing gives its key back."""
    assert unit.actor.user_id is not None
    if status < 400:
        store.keep_reply(unit, unit.actor.user_id, key, status, reply)
    else:
        store.release(unit, unit.actor.user_id, key)
