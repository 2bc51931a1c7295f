"""One sender's share of the pace that all workers keep together.

Limits are asked for in the database, some hundred milliseconds' worth at a time; in between they are counted here. A
mail counts under its relay's limit and under its recipient domain's (or provider's), and under the day's cap of its
sending domain while that warms up.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid4

from broker.delivery import pace_store
from broker.delivery.pace_model import Key, Paces
from broker.delivery.warm_up import WarmUp
from broker.kernel.database import UnitOfWork

ASK_EVERY = 0.25  # seconds between two questions about a limit
HOLD_SECONDS = 5  # for how long slots are kept without asking again
MOST_AT_ONCE = 2_000  # mails asked for in one question
WARM_STEP = 50  # mails of the day's cap taken at once

Keys = tuple[Key, ...]


@dataclass
class _Allowance:
    """What is left of the last answer."""

    mails: int = 0
    slots: int | None = 0
    flying: int = 0
    asked_at: float = -1e9
    known_until: float = -1e9
    waiting: int = 0


@dataclass
class Pacer:
    """Says which mails may leave now. Without limits it costs a look-up a domain."""

    paces: Paces
    relay: str
    warm_up: WarmUp | None
    today: date
    clock: Callable[[], float] = time.monotonic
    holder: UUID = field(default_factory=uuid4)

    def __post_init__(self) -> None:
        relay = self.paces.of_relay(self.relay)
        self._always: Keys = () if relay is None else (relay,)
        self._keys_of: dict[str, Keys] = {}
        self._allowed: dict[Key, _Allowance] = defaultdict(_Allowance)
        self._warm_left = 0
        self._warm_spent = False  # today's cap is used up
        self._cap = None if self.warm_up is None else self.warm_up.cap(self.today)

    @property
    def limits(self) -> bool:
        """Whether anything has been limited so far."""
        return bool(self._allowed) or self._cap is not None

    @property
    def day_is_full(self) -> bool:
        """Whether the sending domain may write to nobody else today."""
        return self._warm_spent

    def keys(self, domain: str) -> Keys:
        """The limits that a mail to this domain counts under."""
        keys = self._keys_of.get(domain)
        if keys is None:
            own = self.paces.of_domain(domain)
            keys = self._keys_of[domain] = self._always if own is None else (*self._always, own)
        return keys

    def blocked(self, keys: Keys) -> Key | None:
        """The limit that keeps a mail waiting now, or None."""
        now = self.clock() if keys else 0.0
        for key in keys:
            allowance = self._allowed[key]
            if now >= allowance.known_until:
                allowance.mails, allowance.slots = 0, 0
            if allowance.mails < 1 or (allowance.slots is not None and allowance.flying >= allowance.slots):
                return key
        return None

    def spend(self, keys: Keys) -> bool:
        """Take a mail's part of each limit and of the day; False (nothing taken) where the day's cap is used up."""
        if self._cap is not None:
            if self._warm_left < 1:
                return False
            self._warm_left -= 1
        for key in keys:
            allowance = self._allowed[key]
            allowance.mails -= 1
            allowance.flying += 1
        return True

    def landed(self, keys: Keys) -> None:
        """A mail is no longer on its way."""
        for key in keys:
            self._allowed[key].flying -= 1

    def wants_answer(self, waiting: Mapping[Key, int]) -> bool:
        """Whether a question is due: about what waits, about what flies and must not be forgotten, about the day."""
        if self._cap is not None and self._warm_left < 1 and not self._warm_spent:
            return True
        now = self.clock()
        return any(
            now - allowance.asked_at >= (ASK_EVERY if waiting.get(key) else HOLD_SECONDS / 3)
            for key, allowance in self._allowed.items()
            if waiting.get(key) or allowance.flying
        )

    def ask(self, unit: UnitOfWork, waiting: Mapping[Key, int]) -> None:
        """Ask the database; `waiting` is how many mails wait for each limit."""
        now = self.clock()
        wants = {
            key: max(0, min(MOST_AT_ONCE, waiting.get(key, 0) - self._allowed[key].mails))
            for key, allowance in self._allowed.items()
            if waiting.get(key) or allowance.flying
        }
        if wants:
            answers = pace_store.ask(unit, self.holder, wants, {key: self.paces[key] for key in wants}, HOLD_SECONDS)
            for key, (mails, slots) in answers.items():
                allowance = self._allowed[key]
                allowance.mails += mails
                allowance.slots = slots
                allowance.asked_at, allowance.known_until = now, now + HOLD_SECONDS * 0.8
        if self._cap is not None and self._warm_left < 1 and not self._warm_spent:
            assert self.warm_up is not None
            self._warm_left = pace_store.ask_warm_up(unit, self.warm_up.domain, self.today, WARM_STEP, self._cap)
            self._warm_spent = self._warm_left < 1

    def close(self, unit: UnitOfWork) -> None:
        """Leave slots, and what is left of the day, to others."""
        if self._allowed:
            pace_store.let_go(unit, self.holder)
        if self._warm_left > 0 and self.warm_up is not None and self._cap is not None:
            pace_store.ask_warm_up(unit, self.warm_up.domain, self.today, -self._warm_left, self._cap)
            self._warm_left = 0

    def granted(self, key: Key) -> int:
        """How many mails of the last answer have not left."""
        return self._allowed[key].mails

    def seconds_each(self, key: Key) -> float:
        """How long a mail takes under a limit, alone; 0 where only their number at once is limited."""
        rate = self.paces[key].per_minute
        return 0.0 if rate is None else 60.0 / rate
