"""Windows: as many mails as connections (times their depth) are under way at once, and no more are ever in doubt.

One transaction writes what became of the last window and moves the next one to `attempting`, with the last look at
the suppressions; only what it returns leaves, after its commit. While a window is on its way the next is composed and
signed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from datetime import datetime
from itertools import groupby

from broker.delivery import store
from broker.delivery.claim import boot_seconds
from broker.delivery.compose import Ahead
from broker.delivery.flight import Flight
from broker.delivery.letter import Attempted, Letter
from broker.delivery.model import Accrue, Addressed, Batch, MailingFacts, Outcome, Prepared, after_attempt
from broker.delivery.pace_model import Key
from broker.delivery.pacer import Keys, Pacer
from broker.delivery.smtp_reply import Reply, blotted
from broker.delivery.steady import SteadyUnits
from broker.delivery.transport import SmtpConnection
from broker.delivery.variants import VariantComposer
from broker.kernel.errors import Unavailable

UNWRITABLE = Reply(550, "5.1.3 the address cannot be written to")
WRITE_TRIES = 5


class LeaseLost(Exception):
    """Somebody else took the batch over: nothing of it may be sent any more."""


class BatchRun:
    """Sends one leased batch, window after window."""

    def __init__(
        self,
        units: SteadyUnits,
        facts: MailingFacts,
        batch: Batch,
        people: Sequence[Addressed],
        *,
        composer: VariantComposer,
        date: datetime,
        ahead: Mapping[int, Ahead],
        accrue: Accrue,
        thread: Executor,
        pacer: Pacer,
        saw: Callable[[Attempted], object],
        lease_seconds: int,
        timeout_seconds: float,
        max_attempts: int,
        depth: int,
    ) -> None:
        self._units = units
        self._facts = facts
        self._batch = batch
        self._until = batch.until
        self._queue = deque(people)
        self._held: dict[Key, deque[Addressed]] = {}  # by the limit they wait for
        self._ready: deque[Prepared] = deque()
        self.over = False  # the mailing was paused or cancelled, or the batch is another's
        self._composer = composer
        self._date = date
        self._ahead = ahead
        self._accrue = accrue
        self._thread = thread
        self._pacer = pacer
        self._saw = saw
        self._one_writes = asyncio.Lock()
        self._lease_seconds = lease_seconds
        self._timeout = timeout_seconds
        self._max_attempts = max_attempts
        self._depth = depth

    @property
    def left(self) -> int:
        """Sends of the batch that no window has taken yet."""
        return len(self._queue) + len(self._ready) + sum(map(len, self._held.values()))

    def waiting(self) -> dict[Key, int]:
        """How many sends wait for each limit."""
        return {key: len(rows) for key, rows in self._held.items() if rows}

    @property
    def only_waits(self) -> bool:
        """Whether all that is left waits for a limit, or for tomorrow."""
        return not self._ready and bool(self.left) and (not self._queue or self._pacer.day_is_full)

    def wants_answer(self) -> bool:
        """Whether the limits are to be asked for again."""
        return self._pacer.limits and self._pacer.wants_answer(self.waiting())

    def put_aside(self, beyond: float) -> dict[Key, list[int]]:
        """Take out the sends that their limit keeps for longer than `beyond` seconds: positions by limit.

        What the limit has let go already stays, unless nothing is to be waited for (0).
        """
        aside: dict[Key, list[int]] = {}
        for key, rows in self._held.items():
            each = self._pacer.seconds_each(key)
            if key[0] == "relay" or not each:
                continue  # another relay may be free; what only their number limits goes on soon
            most = int(beyond / each) + self._pacer.granted(key) if beyond else 0
            if len(rows) > most:
                aside[key] = [rows.pop().position for _ in range(len(rows) - most)][::-1]
        return aside

    def capacity(self, connections: Sequence[SmtpConnection]) -> int:
        """How many mails these connections carry in one window."""
        return sum(one.room(self._depth) for one in connections)

    def prepare(self, count: int) -> None:
        """Compose and sign until `count` mails are ready, as far as limits allow."""
        wanted: list[tuple[Addressed, Keys]] = []
        while len(self._ready) + len(wanted) < count:
            found = self._next()
            if found is None:
                break
            wanted.append(found)
        persons = [(row.position, row.person) for row, _ in wanted if row.person is not None]
        letters: list[Letter | None] = []
        for ahead, run in groupby(persons, key=lambda one: self._ahead.get(one[0])):
            letters += self._composer.compose_all(list(run), self._date, ahead)
        for (row, keys), letter in zip(wanted, letters, strict=True):
            assert row.person is not None
            self._ready.append(
                Prepared(row.position, row.attempts + 1, row.person["email"], letter, row.other_keys, keys)
            )

    def _next(self) -> tuple[Addressed, Keys] | None:
        """The next send that no limit keeps back."""
        pacer = self._pacer
        for wall, rows in self._held.items():
            while rows:
                keys = pacer.keys(_domain(rows[0]))
                now = pacer.blocked(keys)
                if now is None:
                    return (rows.popleft(), keys) if pacer.spend(keys) else None
                if now == wall:
                    break
                self._held.setdefault(now, deque()).append(rows.popleft())
                return self._next()
        while self._queue:
            row = self._queue[0]
            keys = pacer.keys(_domain(row))
            stopped = pacer.blocked(keys)
            if stopped is None:
                return (self._queue.popleft(), keys) if pacer.spend(keys) else None
            self._held.setdefault(stopped, deque()).append(self._queue.popleft())
        return None

    async def turn(self, outcomes: Sequence[Outcome], count: int) -> list[Prepared]:
        """One transaction: the last window's outcomes, the next window. Returns what may leave now.

        It waits for the disk in a thread, so that the other lane's mails go on meanwhile.
        """
        self.prepare(count)
        wanted = [self._ready.popleft() for _ in range(min(count, len(self._ready)))]
        async with self._one_writes:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, outcomes, wanted)

    def _write(self, outcomes: Sequence[Outcome], wanted: Sequence[Prepared]) -> list[Prepared]:
        """As `_write_once`, again when the database was away: known outcomes are not given up lightly.

        The fence makes a second writing harmless.
        """
        for tries in range(WRITE_TRIES):
            try:
                return self._write_once(outcomes, wanted)
            except Unavailable:
                if tries == WRITE_TRIES - 1:
                    raise
        raise AssertionError("not reached")

    def _write_once(self, outcomes: Sequence[Outcome], wanted: Sequence[Prepared]) -> list[Prepared]:
        asked = boot_seconds()
        token = self._batch.token
        with self._units.pipelined() as unit:
            # The lease first, as in the taking apart of a batch: two orders of locks would block each other.
            renewed = store.renew(unit, token, self._lease_seconds)
            if outcomes:
                store.write_outcomes(unit, self._facts, token, outcomes)
            accepted = [(self._facts.dispatch_id, one.position) for one in outcomes if one.state == "accepted"]
            if accepted:
                self._accrue(unit, self._facts.id, accepted)
            returned = store.take(unit, self._facts, token, wanted) if wanted else None
        if renewed.rowcount != 1:
            self.over = True
            raise LeaseLost
        self._until = asked + self._lease_seconds
        taken = {row[0] for row in returned.fetchall()} if returned else set()
        if len(taken) < len(wanted):
            left_out = [row for row in wanted if row.position not in taken]
            for row in left_out:
                self._pacer.landed(row.keys)
            with self._units.pipelined() as unit:
                store.withhold(unit, self._facts, token, left_out)
        return [row for row in wanted if row.position in taken]

    async def send(self, window: Sequence[Prepared], connections: Sequence[SmtpConnection]) -> list[Outcome]:
        """Hand over one window, spread over the connections; the next is composed meanwhile."""
        outcomes = [self._outcome(row, _unwritable()) for row in window if row.letter is None]
        rows = [row for row in window if row.letter is not None]
        if rows:
            flight = Flight(rows, connections, self._depth)
            flight.start(self._timeout, self._may_leave)
            await flight.away()
            self.prepare(self.capacity(connections))
            await flight.landed(self._timeout, self._lease_seconds / 3, self._renew)
            outcomes += [self._outcome(row, attempted) for row, attempted in flight.results()]
        for row in window:
            self._pacer.landed(row.keys)
        return outcomes

    def _may_leave(self) -> bool:
        return boot_seconds() < self._until

    def _renew(self) -> None:
        """Prolong the lease while slow servers make a window long."""
        asked = boot_seconds()
        with contextlib.suppress(Unavailable), self._units.begin() as unit:
            if store.renew(unit, self._batch.token, self._lease_seconds).rowcount == 1:
                self._until = asked + self._lease_seconds
            if self.wants_answer():
                self._pacer.ask(unit, self.waiting())

    def _outcome(self, row: Prepared, attempted: Attempted) -> Outcome:
        if attempted is not _UNWRITABLE:
            self._saw(attempted)
        return after_attempt(
            row.position, attempted, blotted(attempted.reply, row.address), row.attempts, self._max_attempts
        )


_UNWRITABLE = Attempted("refused", UNWRITABLE, stage="recipient")


def _unwritable() -> Attempted:
    return _UNWRITABLE


def _domain(row: Addressed) -> str:
    assert row.person is not None
    return row.person["email"].rpartition("@")[2].lower()
