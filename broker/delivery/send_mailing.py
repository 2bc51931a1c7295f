"""The job that sends a mailing, alone or together with other workers (ARCHITECTURE, section 4).

Rows are the truth: the job may be killed at any moment, be lost or run twice. What it leaves behind is put right by
`reconcile` when its lease is over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from broker.affiliation.store import set_send_state
from broker.audit.record import record
from broker.bases.keep_days import seconds_to_opening
from broker.delivery import store
from broker.delivery.claim import AddressBook, claim_batch
from broker.delivery.journal import NoJournal, SendJournal
from broker.delivery.model import Accrue, MailingFacts, OnSent, Outcome
from broker.delivery.pool import ConnectionPool, relays_of
from broker.delivery.reconcile import reconcile
from broker.delivery.steady import SteadyUnits
from broker.delivery.variants import composer_of
from broker.delivery.window import BatchRun, LeaseLost
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Unavailable
from broker.kernel.settings import Settings
from broker.mailings.flow import begin_flow, missed_window, open_gates
from broker.mailings.flow_store import seconds_to_next
from broker.mailings.seeds import seed_domain
from broker.mailings.watch import watch_mailing
from broker.rentals.advance import advance_order
from broker.vault.keyring import WorkerKeys

LANES = 2  # shares of the connections: one share's mails travel while the other's outcomes are written
WATCH_SECONDS = 5.0
SLICE_SECONDS = 30.0  # then a large mailing makes way for others that wait


@dataclass
class SendResult:
    """What one run did. `unfinished`: it stopped early and wants another run."""

    handled: int = 0
    unfinished: bool = False


def send_mailing(
    database: Database,
    worker_keys: WorkerKeys,
    settings: Settings,
    mailing_id: int,
    accrue: Accrue,
    *,
    on_sent: OnSent = lambda unit, mailing: None,
    should_stop: Callable[[], bool] = lambda: False,
    slice_seconds: float = SLICE_SECONDS,
    journal: SendJournal | None = None,
) -> SendResult:
    """Send what waits of a mailing until nothing is left, it is paused, or the slice of time is over.

    `accrue` runs in the transaction of the outcomes, `on_sent` in the one that ends the mailing; `journal` learns of
    each batch before it leaves. Raises `Unavailable` when no relay answers; nothing was attempted then.
    """
    # Every transaction of the job has an idle limit: whoever is stopped in one must not keep the mailing's locks.
    units = SteadyUnits(database, settings.worker.lease_seconds)
    try:
        with units.begin() as unit:
            facts = _open(unit, mailing_id)
        if facts is None or facts.state != "sending":
            return SendResult()
        sender = _Sender(
            units, worker_keys, settings, facts, accrue, should_stop, slice_seconds, journal or NoJournal()
        )
        result = asyncio.run(sender.run())
        with units.begin() as unit:
            _finish(unit, facts, result, on_sent)
    finally:
        units.close()
    return result


def _open(unit: UnitOfWork, mailing_id: int) -> MailingFacts | None:
    """Put right what dead workers left; start the mailing when it is due; clean up after a cancellation."""
    facts = store.facts_of(unit, mailing_id, lock=True)
    if facts is None:
        return None
    reconcile(unit, facts.id, facts.code)
    if facts.state == "cancelled":
        store.cancel_waiting(unit, facts)
    elif facts.kind != "own" and facts.state in ("frozen", "sending") and _must_wait(unit, facts):
        return None
    elif facts.state == "frozen" and facts.due and not missed_window(unit, facts.id):
        store.mark_started(unit, facts.id)
        begin_flow(unit, facts.id)
        _advance(unit, facts, "sending")
        return store.facts_of(unit, mailing_id)
    elif facts.state == "sending":
        open_gates(unit, facts.id)
    return facts


def _must_wait(unit: UnitOfWork, facts: MailingFacts) -> bool:
    """Whether the owner's calendar lets nothing of partners leave now; the next run is planned then."""
    wait = seconds_to_opening(unit, facts.base_id)
    if wait and not store.run_is_planned(unit, facts.id):
        unit.enqueue("send_mailing", facts.id, after_seconds=wait)
    return wait > 0


def _finish(unit: UnitOfWork, facts: MailingFacts, result: SendResult, on_sent: OnSent) -> None:
    """End the mailing when nothing is left of it; else ask for the next run."""
    now = store.facts_of(unit, facts.id, lock=True)
    if now is None or now.state == "cancelled":
        if now is not None:
            store.cancel_waiting(unit, now)
        return
    if result.unfinished:
        unit.enqueue("send_mailing", facts.id)
    elif store.mark_sent(unit, facts):
        _advance(unit, facts, "sent")
        on_sent(unit, facts.id)
        record(unit, "mailing.sent", "mailing", facts.code)
    else:
        open_gates(unit, facts.id)
        waits = [wait for wait in (store.next_due(unit, facts.id), seconds_to_next(unit, facts.id)) if wait is not None]
        if waits and not store.run_is_planned(unit, facts.id):
            unit.enqueue("send_mailing", facts.id, after_seconds=max(1, min(waits)))


def _advance(unit: UnitOfWork, facts: MailingFacts, state: Literal["sending", "sent"]) -> None:
    """The order, or the picked send, goes along with its mailing."""
    if facts.order_id is not None:
        advance_order(unit, facts.order_id, state)
    if facts.participation_send_id is not None:
        set_send_state(unit, facts.participation_send_id, state)


class _Sender:
    """One run of the job: claims batches and sends their windows."""

    def __init__(
        self,
        units: SteadyUnits,
        worker_keys: WorkerKeys,
        settings: Settings,
        facts: MailingFacts,
        accrue: Accrue,
        should_stop: Callable[[], bool],
        slice_seconds: float,
        journal: SendJournal,
    ) -> None:
        self._units = units
        self._thread = ThreadPoolExecutor(1, "outcomes")
        self._settings = settings
        self._facts = facts
        self._accrue = accrue
        self._journal = journal
        self._should_stop = should_stop
        self._until = time.monotonic() + slice_seconds
        self._watch_at = 0.0
        self._book = AddressBook(worker_keys, facts.base_id, seed_domain(settings.mail))
        with self._units.begin() as unit:
            self._composer = composer_of(unit, worker_keys, settings, facts)
        self._after = -1
        self._asked_for_help = False
        self._result = SendResult()

    async def run(self) -> SendResult:
        """Send batch after batch."""
        mail = self._settings.mail
        places, seconds = relays_of(mail), float(mail.timeout_seconds)
        pools = [ConnectionPool(places[at::LANES], seconds) for at in range(min(LANES, len(places)))]
        try:
            while True:
                if self._should_stop() or time.monotonic() > self._until:
                    self._result.unfinished = True
                    break
                if not any(await asyncio.gather(*(pool.live() for pool in pools))):
                    raise Unavailable(
                        "No mail relay answers; nothing was attempted. Check mail.relays (courtier doctor).",
                        code="no_relay",
                    )
                run = self._next_batch()
                if run is None:
                    break
                await self._send_batch(run, pools)
        finally:
            for pool in pools:
                pool.close()
            self._thread.shutdown()
        return self._result

    def _next_batch(self) -> _Held | None:
        """Lease and open the next batch; sees to helpers."""
        worker, mail = self._settings.worker, self._settings.mail
        with self._units.begin() as unit:
            if self._watch(unit):
                return None
            batch = claim_batch(unit, self._facts, mail.batch, self._after, worker.lease_seconds)
            if batch is None and self._after >= 0:
                # Batches of dead workers wait behind us.
                batch = claim_batch(unit, self._facts, mail.batch, -1, worker.lease_seconds)
            if batch is None:
                return None
            positions = [row.position for row in batch.rows]
            self._after = max(self._after, max(positions))
            people = self._book.open_batch(unit, self._facts, batch)
            erased = [row.position for row in people if row.person is None]
            if erased:
                store.withhold_erased(unit, self._facts, batch.token, erased)
            if not self._asked_for_help and worker.processes > 1:
                self._asked_for_help = True
                if store.waiting_beyond(unit, self._facts, self._after):
                    unit.enqueue("send_mailing", self._facts.id)
            self._composer.learn(unit, positions)
            date = unit.now
            # Last, so that nothing is journalled that cannot leave; before the commit, so that nothing leaves without.
            self._journal.claimed(unit, self._facts, batch.token, positions)
        run = BatchRun(
            self._units,
            self._facts,
            batch,
            [row for row in people if row.person is not None],
            composer=self._composer,
            date=date,
            accrue=self._accrue,
            thread=self._thread,
            lease_seconds=worker.lease_seconds,
            timeout_seconds=float(mail.timeout_seconds),
            max_attempts=mail.max_attempts,
        )
        return _Held(run, batch.token, min(positions), max(positions))

    def _watch(self, unit: UnitOfWork) -> bool:
        """Now and then: whether too much comes back and the mailing was stopped. Looking takes 2 % of the time."""
        asked = time.monotonic()
        if asked < self._watch_at:
            return False
        stopped = watch_mailing(unit, self._settings.watch, self._facts.id)
        self._watch_at = time.monotonic() + max(WATCH_SECONDS, 50 * (time.monotonic() - asked))
        return stopped

    async def _send_batch(self, held: _Held, pools: Sequence[ConnectionPool]) -> None:
        """All lanes side by side; whatever happens, what is known is written and the rest given back."""
        ended = await asyncio.gather(*(self._send_lane(held, pool) for pool in pools), return_exceptions=True)
        faults = [fault for fault in ended if isinstance(fault, BaseException)]
        others = [fault for fault in faults if not isinstance(fault, LeaseLost)]
        if others:
            raise others[0]
        if faults:
            return
        with self._units.begin() as unit:
            store.release(unit, self._facts, held.token, held.low, held.high)
        self._journal.closed(held.token)

    async def _send_lane(self, held: _Held, pool: ConnectionPool) -> None:
        """Window after window on one share of the connections: while one lane writes, the other's mails travel."""
        run, outcomes = held.run, list[Outcome]()
        while run.left and not run.over and not self._should_stop():
            connections = await pool.live()
            if not connections:
                break
            window = await run.turn(outcomes, len(connections))
            if outcomes:
                self._journal.told(self._facts, held.token, outcomes)
            outcomes = []
            if not window:
                # Paused, cancelled, or all of them suppressed: only the first two end the batch.
                if not self._still_sending():
                    run.over = True
                continue
            outcomes = await run.send(window, connections)
            self._result.handled += len(outcomes)
        if outcomes:
            await run.turn(outcomes, 0)
            self._journal.told(self._facts, held.token, outcomes)

    def _still_sending(self) -> bool:
        with self._units.begin() as unit:
            facts = store.facts_of(unit, self._facts.id)
        return facts is not None and facts.state == "sending"


@dataclass
class _Held:
    """A batch under way and the span of its rows."""

    run: BatchRun
    token: UUID
    low: int
    high: int
