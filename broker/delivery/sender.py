"""One run of the job that sends a mailing: each relay takes batch after batch, in its own windows.

A relay that is slow or away keeps nobody waiting but the mails it holds; what it did not begin is given back and taken
by the others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from broker.audit.record import record
from broker.delivery import pace_store, presign_store, store
from broker.delivery.balance import Balance
from broker.delivery.claim import AddressBook, claim_batch
from broker.delivery.domain_store import domain_of_mailing
from broker.delivery.journal import SendJournal
from broker.delivery.model import Accrue, Addressed, MailingFacts, Outcome
from broker.delivery.pace_model import Key, Paces
from broker.delivery.pacer import Pacer
from broker.delivery.pool import ConnectionPool, RelayHealth, relays_of
from broker.delivery.presign import signatures_ahead
from broker.delivery.reputation import open_holds
from broker.delivery.steady import SteadyUnits
from broker.delivery.tally import Tally, provider_of
from broker.delivery.transport import Relay
from broker.delivery.turn import Turn
from broker.delivery.variants import composer_of
from broker.delivery.warm_up import warm_up_of
from broker.delivery.window import BatchRun, LeaseLost
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Unavailable
from broker.kernel.settings import Settings
from broker.mailings.seeds import seed_domain
from broker.mailings.watch import watch_mailing
from broker.vault.keyring import WorkerKeys

LANES = 2  # shares of a relay's connections: one share's mails travel while the other's outcomes are written
WATCH_SECONDS = 5.0
PACE_SLOT = 5  # seconds: sends that wait for a pace are given their hour in steps
HELD_FOR = timedelta(hours=1)
PATIENCE = 6.0  # seconds that a batch waits for a pace before what waits longer is given its hour,
IMPATIENCE = 0.3  # and while others of the mailing wait behind it


@dataclass
class SendResult:
    """What one run did. `unfinished`: it stopped early and wants another run; `day_is_full`: another day.

    `rest_seconds`: for how long no relay can be had.
    """

    handled: int = 0
    unfinished: bool = False
    day_is_full: bool = False
    rest_seconds: float = 0.0


@dataclass
class _Line:
    """One relay at work."""

    number: int
    relay: Relay
    health: RelayHealth
    pacer: Pacer
    pools: list[ConnectionPool]
    well: bool = True
    working: bool = True


@dataclass
class _Held:
    """A batch under way and the span of its rows."""

    run: BatchRun
    token: UUID
    low: int
    high: int


@dataclass
class Sender:
    """One run of the job: claims batches and sends their windows."""

    units: SteadyUnits
    worker_keys: WorkerKeys
    settings: Settings
    facts: MailingFacts
    accrue: Accrue
    journal: SendJournal
    turn: Turn
    result: SendResult = field(default_factory=SendResult)

    def __post_init__(self) -> None:
        mail = self.settings.mail
        self._thread = ThreadPoolExecutor(1, "outcomes")
        self._watch_at = 0.0
        self._book = AddressBook(self.worker_keys, self.facts.base_id, seed_domain(mail))
        self._carried = self._drained = False  # whether a relay answered; whether nothing more is to be claimed
        self._after = -1
        self._asked_for_help = False
        relays = relays_of(mail)
        with self.units.begin() as unit:
            self._composer = composer_of(unit, self.worker_keys, self.settings, self.facts)
            self._signed_ahead = presign_store.state_of(unit, self.facts.id) is not None
            paces = Paces(pace_store.rules(unit))
            domain, _ = domain_of_mailing(unit, self.facts.id) or (mail.sending_domain, mail.bounce_domain)
            self._holds = open_holds(unit)
            relays = [relay for relay in relays if relay.label not in self._holds.relays]
            warm_up = warm_up_of(unit, domain)
            self._lines = [
                self._line(at, relay, Pacer(paces, relay.label, warm_up, unit.today)) for at, relay in enumerate(relays)
            ]
            failing = {row.name: row for row in pace_store.failing(unit)}
        for line in self._lines:
            row = failing.get(line.relay.label)
            if row is not None:
                line.health.goes_on_resting(float(row.seconds), row.failures)
        self._rested = any(line.health.resting for line in self._lines)  # known before this run
        if not relays:
            raise Unavailable("Mail over every relay is held; release one (page Reputation).", code="relays_held")
        self._tally = Tally(domain)
        self._balance = Balance([relay.weight for relay in relays])

    def _line(self, number: int, relay: Relay, pacer: Pacer) -> _Line:
        health = RelayHealth(changed=lambda rest, failures, why: self._note_relay(relay, rest, failures, why))
        lanes = min(LANES, relay.connections)
        shares = [relay.connections // lanes + (at < relay.connections % lanes) for at in range(lanes)]
        seconds = float(self.settings.mail.timeout_seconds)
        pools = [ConnectionPool(relay, places, seconds, health) for places in shares]
        return _Line(number, relay, health, pacer, pools)

    def _note_relay(self, relay: Relay, rest: float, failures: int, why: str | None) -> None:
        with self.units.begin() as unit:
            pace_store.note_relay(unit, relay.label, rest, failures, why)
            if rest and failures == 1:
                record(unit, "relay.rests", "relay", relay.label, reason=why or "")

    async def run(self) -> SendResult:
        """Send batch after batch over all relays."""
        try:
            ended = await asyncio.gather(*(self._serve(line) for line in self._lines), return_exceptions=True)
            for fault in ended:
                if isinstance(fault, BaseException):
                    raise fault
        finally:
            for line in self._lines:
                for pool in line.pools:
                    pool.close()
            self._thread.shutdown()
        with self.units.begin() as unit:
            for line in self._lines:
                line.pacer.close(unit)
        return self.result

    async def _serve(self, line: _Line) -> None:
        """Batch after batch over one relay."""
        try:
            while True:
                if self._is_over():
                    self.result.unfinished = True
                    return
                line.well = any(await asyncio.gather(*(pool.live() for pool in line.pools)))
                if not line.well:
                    if not any(one.well and one.working for one in self._lines):
                        self._all_rest()
                        return
                    await asyncio.sleep(0.2)
                    continue
                self._carried = True
                held = self._next_batch(line)
                if held is None:
                    self._drained = True
                    return
                await self._send_batch(held, line)
                if line.pacer.day_is_full:
                    self.result.day_is_full = True
                    return
        finally:
            line.working = False
            self._balance.leaves(line.number)

    def _all_rest(self) -> None:
        """No relay can be had now: come back when one has rested."""
        self.result.rest_seconds = min(line.health.seconds_left for line in self._lines)
        if not (self._carried or self._rested):
            raise Unavailable(
                "No mail relay answers; nothing was attempted. Check mail.relays (courtier doctor).", code="no_relay"
            )

    def _is_over(self) -> bool:
        return self.turn.is_over(lambda: self._others_waiting())

    def _others_waiting(self) -> tuple[int, int]:
        with self.units.begin() as unit:
            return store.others_waiting(unit, self.facts)

    def _next_batch(self, line: _Line) -> _Held | None:
        """Lease and open the next batch; sees to helpers."""
        worker, mail = self.settings.worker, self.settings.mail
        limit = max(1, min(mail.batch, self.turn.most_mails))
        with self.units.begin() as unit:
            if self._watch(unit):
                return None
            batch = claim_batch(unit, self.facts, limit, self._after, worker.lease_seconds)
            if batch is None and self._after >= 0:
                # Batches of dead workers wait behind us.
                batch = claim_batch(unit, self.facts, limit, -1, worker.lease_seconds)
            if batch is None:
                return None
            positions = [row.position for row in batch.rows]
            self._after = max(self._after, max(positions))
            people = self._book.open_batch(unit, self.facts, batch)
            erased = [row.position for row in people if row.person is None]
            if erased:
                store.withhold_erased(unit, self.facts, batch.token, erased)
            people = self._put_off_held(unit, batch.token, people)
            if not self._asked_for_help and worker.processes > 1:
                self._asked_for_help = True
                # Where other mailings wait the other workers are theirs.
                if store.waiting_beyond(unit, self.facts, self._after) and not any(
                    store.others_waiting(unit, self.facts)
                ):
                    unit.enqueue("send_mailing", self.facts.id)
            self._composer.learn(unit, positions)
            ahead = signatures_ahead(unit, self.facts.id, positions) if self._signed_ahead else {}
            date = unit.now
            # Last, so that nothing is journalled that cannot leave; before the commit, so that nothing leaves without.
            self.journal.claimed(unit, self.facts, batch.token, positions)
        run = BatchRun(
            self.units,
            self.facts,
            batch,
            [row for row in people if row.person is not None],
            composer=self._composer,
            date=date,
            ahead=ahead,
            accrue=self.accrue,
            thread=self._thread,
            pacer=line.pacer,
            saw=line.health.saw,
            lease_seconds=worker.lease_seconds,
            timeout_seconds=float(mail.timeout_seconds),
            max_attempts=mail.max_attempts,
            depth=mail.depth,
        )
        return _Held(run, batch.token, min(positions), max(positions))

    def _put_off_held(self, unit: UnitOfWork, token: UUID, people: Sequence[Addressed]) -> list[Addressed]:
        """Who may be written to now: recipients at a provider whose mail is held are looked at again in an hour."""
        held = self._holds.providers
        if not held:
            return list(people)
        stays = {
            row.position
            for row in people
            if row.person is not None and provider_of(row.person["email"].rpartition("@")[2]) in held
        }
        later = [(position, unit.now + HELD_FOR) for position in sorted(stays)]
        if later:
            pace_store.park(unit, self.facts.dispatch_id, self.facts.id, token, later, "waits: its provider is held")
        return [row for row in people if row.position not in stays]

    def _watch(self, unit: UnitOfWork) -> bool:
        """Now and then: whether too much comes back and the mailing was stopped. Looking takes 2 % of the time."""
        asked = time.monotonic()
        if asked < self._watch_at:
            return False
        stopped = watch_mailing(unit, self.settings.watch, self.facts.id)
        self._watch_at = time.monotonic() + max(WATCH_SECONDS, 50 * (time.monotonic() - asked))
        return stopped

    async def _send_batch(self, held: _Held, line: _Line) -> None:
        """All lanes side by side; whatever happens, what is known is written and the rest given back."""
        lanes = (self._send_lane(held, line, pool) for pool in line.pools)
        ended = await asyncio.gather(*lanes, return_exceptions=True)
        faults = [fault for fault in ended if isinstance(fault, BaseException)]
        others = [fault for fault in faults if not isinstance(fault, LeaseLost)]
        if others:
            raise others[0]
        if faults:
            return
        with self.units.begin() as unit:
            back = store.release(unit, self.facts, held.token, held.low, held.high)
            self._tally.write(unit)
            self._holds = open_holds(unit)
        if back and self._drained:  # when nobody was there any more to take it
            self.result.unfinished = True
        self.journal.closed(held.token)

    async def _send_lane(self, held: _Held, line: _Line, pool: ConnectionPool) -> None:
        """Window after window on one share of the connections: while one lane writes, the other's mails travel."""
        run, outcomes = held.run, list[Outcome]()
        while run.left and not run.over and not self.turn.stopped():
            connections = await pool.live()
            if not connections:
                break
            count = run.capacity(connections)
            while not self._balance.may_go(line.number, count):
                await asyncio.sleep(0.01)
            if run.wants_answer():
                with self.units.begin() as unit:
                    line.pacer.ask(unit, run.waiting())
            window = await run.turn(outcomes, count)
            if outcomes:
                self.journal.told(self.facts, held.token, outcomes)
            outcomes = []
            if window:
                self._balance.takes(line.number, len(window))
                outcomes = await run.send(window, connections)
                self.result.handled += len(outcomes)
                self._tally.note(line.relay.label, window, outcomes)
            elif not self._still_sending():
                # Paused or cancelled. Else all of the window were suppressed, or wait for a limit.
                run.over = True
            elif run.only_waits and not await self._wait_for_pace(held, line):
                break
        if outcomes:
            await run.turn(outcomes, 0)
            self.journal.told(self.facts, held.token, outcomes)

    async def _wait_for_pace(self, held: _Held, line: _Line) -> bool:
        """All that is left waits: for a moment here, for longer with an hour of its own; False: for another day."""
        if line.pacer.day_is_full:
            return False
        run = held.run
        over = self._is_over()
        with self.units.begin() as unit:
            if run.wants_answer():  # first: another lane may have found out about the limit only now
                line.pacer.ask(unit, run.waiting())
            others = store.waiting_beyond(unit, self.facts, self._after)
            aside = run.put_aside(0.0 if over else IMPATIENCE if others else PATIENCE)
            for key, positions in aside.items():
                self._give_hours(unit, held.token, key, positions, line.pacer.seconds_each(key))
        if over:
            self.result.unfinished = True
            return False
        await asyncio.sleep(0.1)
        return True

    def _give_hours(self, unit: UnitOfWork, token: UUID, key: Key, positions: list[int], each: float) -> None:
        """Sends that wait for a pace come back at an hour of their own, behind those of their mailing that wait."""
        first = pace_store.queued_until(unit, self.facts.id, key, each * len(positions))
        steps = [PACE_SLOT * (1 + int(at * each / PACE_SLOT)) for at in range(len(positions))]
        hours = [first + timedelta(seconds=step) for step in steps]
        # A domain's name is next to an address: it is not written down.
        why = f"waits for the pace of {key[1]}" if key[0] == "provider" else "waits for the pace of its domain"
        rows = list(zip(positions, hours, strict=True))
        pace_store.park(unit, self.facts.dispatch_id, self.facts.id, token, rows, why)

    def _still_sending(self) -> bool:
        with self.units.begin() as unit:
            facts = store.facts_of(unit, self.facts.id)
        return facts is not None and facts.state == "sending"
