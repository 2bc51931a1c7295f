"""What delivery knows of a mailing, a batch and an outcome; and when a put-off send is tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from broker.delivery.letter import Attempted, Letter
from broker.delivery.pacer import Keys
from broker.delivery.smtp_reply import reason_of
from broker.kernel.database import UnitOfWork

# Called in the transaction that writes outcomes: (unit, mailing, [(dispatch, position)]) of accepted sends, seeds among
# them. That transaction travels in one round trip: only `unit.driver` works, and nothing can be fetched.
Accrue = Callable[[UnitOfWork, int, Sequence[tuple[int, int]]], object]
# Called in the transaction that ends a mailing: (unit, mailing).
OnSent = Callable[[UnitOfWork, int], object]

WAITS = (60, 300, 900, 3_600, 14_400)  # seconds before the next attempt, by attempts made


@dataclass(frozen=True, slots=True)
class MailingFacts:
    """What all sends of a mailing share."""

    id: int
    code: str
    kind: str
    state: str
    dispatch_id: int
    order_id: int | None
    participation_send_id: int | None
    base_id: int
    base_code: str
    owner_id: int
    advertiser_id: int
    creative_id: int
    content_hash: bytes
    owner_name: str
    advertiser_name: str
    advertiser_identity: str
    due: bool
    started: bool


class Claimed(NamedTuple):
    """One leased send."""

    position: int
    contact_id: int | None
    contact_key: bytes
    seed: bool
    attempts: int


class Addressed(NamedTuple):
    """A leased send with its person opened; `person` is None where the seal is gone (erased).

    `other_keys` are the person's keys under the peppers that the row's own key was not made with.
    """

    position: int
    attempts: int
    person: dict[str, str] | None
    other_keys: tuple[bytes, ...] = ()

    def __repr__(self) -> str:
        return f"Addressed({self.position})"  # without the person


@dataclass(frozen=True, slots=True)
class Batch:
    """A lease: the token is the fence, `until` the boot clock's seconds when it is over."""

    token: UUID
    rows: tuple[Claimed, ...]
    until: float


class Prepared(NamedTuple):
    """A send ready to leave; without a letter its address cannot be written to."""

    position: int
    attempts: int
    address: str
    letter: Letter | None
    other_keys: tuple[bytes, ...] = ()
    keys: Keys = ()

    def __repr__(self) -> str:
        return f"Prepared({self.position})"  # without the recipient


class Outcome(NamedTuple):
    """What is written of one attempt; `wait` (seconds) only for `deferred`, `reason` for what was not accepted."""

    position: int
    state: str
    reply: str
    wait: int | None = None
    reason: str | None = None


def after_attempt(position: int, attempted: Attempted, reply: str, attempts: int, most: int) -> Outcome:
    """The outcome of attempt number `attempts`, `reply` being what may be kept of it.

    What may work later waits, but not for ever. A refusal that is about us (our log-in, our sender's address) and not
    about the recipient is no end for the recipient: it may work later, or over another relay.
    """
    state = attempted.state
    if state == "accepted":
        return Outcome(position, state, reply)
    reason = reason_of(attempted.reply)
    if state == "refused" and (reason == "relay" or (attempted.stage == "sender" and reason != "content")):
        state, reason = "deferred", "relay"
    if state == "deferred" and attempted.stage == "connection":
        reason = "lost"
    if state != "deferred":
        return Outcome(position, state, reply, reason=reason)
    if attempts >= most:
        return Outcome(position, "refused", f"given up after {attempts} attempts: {reply}"[:200], reason=reason)
    return Outcome(position, "deferred", reply, WAITS[min(attempts, len(WAITS)) - 1], reason)
