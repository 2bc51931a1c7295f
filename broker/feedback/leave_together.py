"""Leaving, many at once: wishes that come while the database writes share the next transaction.

When a mailing goes out to many, their mail programmes leave at once. A transaction each costs a serving process ten
times what the wish costs the database, and whoever is last waits for all of them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial

from broker.feedback import store
from broker.feedback.ask_briefly import AskBriefly
from broker.feedback.leave import find_leaving_page
from broker.feedback.model import Scope, SendKey
from broker.kernel.errors import CourtierError, Unavailable
from broker.vault.tokens import TokenRef

MOST_KNOWN = 10_000  # mailings


@dataclass(slots=True)
class _Wish:
    key: SendKey
    scope: Scope
    done: bool = False
    error: CourtierError | None = None


class LeaveTogether:
    """Carries out wishes to leave; one transaction at a time takes all that wait."""

    def __init__(self, questions: AskBriefly) -> None:
        self._questions = questions
        self._waiting: list[_Wish] = []
        self._turn = threading.Lock()
        self._known: set[tuple[int, int]] = set()

    def knows(self, ref: TokenRef) -> bool:
        """Whether the mailing of a token is there; asked of the database once. Raises `NotFound`, `Unavailable`."""
        mailing = (ref.dispatch_id, ref.mailing_id)
        if mailing not in self._known:
            self._questions.ask(lambda unit: find_leaving_page(unit, ref))
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known.add(mailing)
        return True

    def leave(self, ref: TokenRef, scope: Scope) -> None:
        """As `leave.leave`, from this return on; `Unavailable` when the database does not answer in time."""
        wish = _Wish(SendKey(ref.dispatch_id, ref.mailing_id, ref.position), scope)
        self._waiting.append(wish)
        with self._turn:
            # Whoever had the turn before may have taken this one along.
            if not wish.done:
                self._carry_out()
        if wish.error is not None:
            raise wish.error

    def _carry_out(self) -> None:
        """All that wait, under the turn; each is done or has its error afterwards."""
        wishes = self._waiting[:]
        del self._waiting[: len(wishes)]  # what is appended meanwhile stays
        error: CourtierError | None = None
        try:
            self._questions.ask(partial(store.leave_all, wishes=[(wish.key, wish.scope) for wish in wishes]))
        except CourtierError as refused:
            error = refused
        except Exception:  # whatever it is: nobody's wish is lost with another's, the journal takes them
            error = Unavailable("The database did not take this. Try again in a moment.")
        for wish in wishes:
            wish.done, wish.error = True, error
