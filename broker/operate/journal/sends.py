"""The journal of sends: what is about to leave, before it does; what became of it, after.

Entries: `mailing` (the rows of mailing and dispatch, once a run), `batch` (token, rows), `outcomes` (token, position
and state), `closed` (token). From a batch that is not closed, whatever has no outcome may have left.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

from broker.delivery.model import MailingFacts, Outcome
from broker.kernel.database import UnitOfWork
from broker.operate.journal import store
from broker.operate.journal.files import Entry, Journal


class JournalledSends:
    """One run's `SendJournal`: its batches become durable before a mail leaves, its outcomes when the batch closes.

    An outcome between two closings is handed to the system and not waited for: a power cut may lose it, and then the
    send counts as uncertain.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._instance = ""

    def claimed(self, unit: UnitOfWork, facts: MailingFacts, token: UUID, positions: Sequence[int]) -> None:
        """The batch, durable."""
        entries: list[Entry] = []
        if not self._instance:
            self._instance = store.instance_id(unit)
            mailing, dispatch = store.mailing_rows(unit, facts.id)
            entries.append({"kind": "mailing", "mailing": mailing, "dispatch": dispatch})
        rows = store.send_rows(unit, facts.dispatch_id, facts.id, positions)
        batch = {"kind": "batch", "at": time.time(), "token": str(token), "dispatch_id": facts.dispatch_id}
        entries.append({**batch, "mailing_id": facts.id, "rows": rows})
        self._journal.append(entries, instance=self._instance)

    def told(self, facts: MailingFacts, token: UUID, outcomes: Sequence[Outcome]) -> None:
        """What became of a window."""
        rows = [[outcome.position, outcome.state] for outcome in outcomes]
        entry = {"kind": "outcomes", "token": str(token), "dispatch_id": facts.dispatch_id, "mailing_id": facts.id}
        self._journal.append([{**entry, "rows": rows}], instance=self._instance, durable=False)

    def closed(self, token: UUID) -> None:
        """Nothing of the batch is under way any more; all that was told is durable."""
        self._journal.append([{"kind": "closed", "token": str(token)}], instance=self._instance)
