"""How several relays share the mail: by their weights, without waiting for one that is slow, limited or away."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SLOW_SECONDS = 1.0  # whoever took nothing for so long no longer holds the others back, and does not catch up


@dataclass
class _Line:
    weight: int
    took_at: float = -1e9
    carried: float = 0.0  # mails by weight


class Balance:
    """Lets a relay go on while it is not ahead of the others that carry mail now."""

    def __init__(self, weights: Sequence[int], clock: Callable[[], float] = time.monotonic) -> None:
        self._lines = [_Line(weight) for weight in weights]
        self._clock = clock

    def may_go(self, line: int, mails: int) -> bool:
        """Whether relay number `line` may take so many mails now."""
        if len(self._lines) == 1:
            return True
        mine, now = self._lines[line], self._clock()
        others = [one.carried for one in self._lines if one is not mine and now - one.took_at <= SLOW_SECONDS]
        if not others:
            return True
        if now - mine.took_at > SLOW_SECONDS:
            mine.carried = max(mine.carried, min(others))
        return mine.carried <= min(others) + mails / mine.weight / 2

    def takes(self, line: int, mails: int) -> None:
        """It has taken mails."""
        mine = self._lines[line]
        mine.carried += mails / mine.weight
        mine.took_at = self._clock()

    def leaves(self, line: int) -> None:
        """It has nothing more to carry."""
        self._lines[line].took_at = -1e9
