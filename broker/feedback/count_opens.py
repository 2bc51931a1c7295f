"""Opens, as one number a campaign and day.

The picture's address is the same for everybody, and of who loads it nothing is kept: no row, no address, no time. Mail
programmes load pictures for people who never look, and keep them from servers for people who do: the number tells
more from less, and nothing is billed by it. A process that is killed loses the opens of its last seconds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

from broker.feedback import opens_store as store
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.kernel.errors import CourtierError, Unavailable
from broker.kernel.log import get_logger
from broker.vault.tokens import TokenRef

log = get_logger(__name__)

PAUSE_SECONDS = 2.0
MOST_MAILINGS = 10_000  # that a process remembers while the database is away; more are not counted


class OpenCount:
    """Counts in memory and adds up in the database every few seconds."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: Counter[tuple[int, int]] = Counter()
        self._turn = threading.Lock()
        self._thread: threading.Thread | None = None

    def note(self, ref: TokenRef) -> None:
        """One more picture was loaded."""
        with self._turn:
            if len(self._waiting) < MOST_MAILINGS or (ref.mailing_id, ref.dispatch_id) in self._waiting:
                self._waiting[ref.mailing_id, ref.dispatch_id] += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="opens", daemon=True)
                self._thread.start()

    def flush(self) -> int:
        """Bring what waits to the database; how many opens. While the database does not answer it waits on.

        A row that the database refuses for what it is (no such partition, a fault of ours) is left out, so that it
        does not keep the others waiting for ever.
        """
        with self._turn:
            waiting, self._waiting = self._waiting, Counter()
        if not waiting:
            return 0
        try:
            return self._add(waiting)
        except Unavailable:
            self._keep(waiting)
            raise
        except Exception as error:
            if len(waiting) == 1:
                log.warning("opens.dropped", opens=waiting.total(), code=_code(error))
                return 0
        added = 0
        for place, opens in sorted(waiting.items()):
            one = Counter({place: opens})
            try:
                added += self._add(one)
            except Unavailable:
                self._keep(one)
            except Exception as error:
                log.warning("opens.dropped", opens=opens, code=_code(error))
        return added

    def _add(self, waiting: Counter[tuple[int, int]]) -> int:
        with self._database.begin(PUBLIC) as unit:
            for (mailing_id, dispatch_id), opens in sorted(waiting.items()):  # one order: no two lock each other
                store.add_opens(unit, mailing_id, dispatch_id, opens)
        return waiting.total()

    def _keep(self, waiting: Counter[tuple[int, int]]) -> None:
        with self._turn:
            self._waiting += waiting

    def _work(self) -> None:
        while True:
            time.sleep(PAUSE_SECONDS)
            try:
                self.flush()
            except Exception as error:  # whatever it is: nothing else would ever count again in this process
                log.warning("opens.wait", code=_code(error))


def _code(error: Exception) -> str:
    return error.code if isinstance(error, CourtierError) else type(error).__name__
