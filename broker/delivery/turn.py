"""How long one mailing has a worker for itself: fair between tenants, however many mailings each has."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

SLICE_SECONDS = 30.0  # where nobody else waits
TURN_SECONDS = 3.0  # where others do: a tenant's turn, shared by its mailings
SHORTEST_TURN = 0.3
LOOK_EVERY = 0.5
SMALL_BATCH = 100  # mails leased at once while others wait


@dataclass
class Turn:
    """The clock of one run. `stop` is asked often: the worker was told to end."""

    stop: Callable[[], bool] = lambda: False
    slice_seconds: float = SLICE_SECONDS
    clock: Callable[[], float] = time.monotonic
    most_mails: int = 1_000_000
    _began: float = field(init=False)
    _look_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._look_at = self._began
        self._length = self.slice_seconds

    def stopped(self) -> bool:
        """Whether the worker was told to end."""
        return self.stop()

    def is_over(self, others_waiting: Callable[[], tuple[int, int]]) -> bool:
        """Whether to make way. `others_waiting`: mailings that wait for a worker, (of other owners, of the same)."""
        if self.stop():
            return True
        now = self.clock()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERY
            others, same = others_waiting()
            self._length, self.most_mails = self.slice_seconds, 1_000_000
            if others or same:
                share = 1 + same if others else 1
                self._length = min(self.slice_seconds, max(SHORTEST_TURN, TURN_SECONDS / share))
                self.most_mails = SMALL_BATCH if share > 1 else 5 * SMALL_BATCH
        return now - self._began >= self._length
