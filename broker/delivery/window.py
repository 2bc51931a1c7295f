"""Windows: as many mails as connections are under way at once, and no more are ever in doubt.

One transaction writes what became of the last window and moves the next one to `attempting`, with the last look at
the suppressions; only what it returns leaves, after its commit. While a window is on its way the next is composed and
signed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime

from broker.delivery import store
from broker.delivery.claim import boot_seconds
from broker.delivery.letter import Attempted
from broker.delivery.model import Accrue, Addressed, Batch, MailingFacts, Outcome, Prepared, after_attempt
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
        accrue: Accrue,
        thread: Executor,
        lease_seconds: int,
        timeout_seconds: float,
        max_attempts: int,
    ) -> None:
        self._units = units
        self._facts = facts
        self._batch = batch
        self._until = batch.until
        self._queue = deque(people)
        self._ready: deque[Prepared] = deque()
        self.over = False  # the mailing was paused or cancelled, or the batch is another's
        self._composer = composer
        self._date = date
        self._accrue = accrue
        self._thread = thread
        self._one_writes = asyncio.Lock()
        self._lease_seconds = lease_seconds
        self._timeout = timeout_seconds
        self._max_attempts = max_attempts

    @property
    def left(self) -> int:
        """Sends of the batch that no window has taken yet."""
        return len(self._queue) + len(self._ready)

    def prepare(self, count: int) -> None:
        """Compose and sign until `count` mails are ready."""
        while len(self._ready) < count and self._queue:
            row = self._queue.popleft()
            assert row.person is not None
            letter = self._composer.compose(row.position, row.person, self._date)
            address = row.person["email"]
            self._ready.append(Prepared(row.position, row.attempts + 1, address, letter, row.other_keys))

    async def turn(self, outcomes: Sequence[Outcome], count: int) -> list[Prepared]:
        """One transaction: the last window's outcomes, the next window. Returns what may leave now.

        It waits for the disk in a thread, so that the other lane's mails go on meanwhile.
        """
        self.prepare(count)
        wanted = [self._ready.popleft() for _ in range(min(count, len(self._ready)))]
        async with self._one_writes:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, outcomes, wanted)

    def _write(self, outcomes: Sequence[Outcome], wanted: Sequence[Prepared]) -> list[Prepared]:
        """Written again when the database was away: known outcomes are not given up lightly, and the fence makes a

        second writing harmless.
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
            with self._units.pipelined() as unit:
                store.withhold(unit, self._facts, token, left_out)
        return [row for row in wanted if row.position in taken]

    async def send(self, window: Sequence[Prepared], connections: Sequence[SmtpConnection]) -> list[Outcome]:
        """Hand over one window, one mail a connection; the next is composed meanwhile."""
        outcomes = [self._outcome(row, _unwritable()) for row in window if row.letter is None]
        rows = [row for row in window if row.letter is not None]
        underway = len(rows)
        all_left = asyncio.Event()

        def left() -> None:
            nonlocal underway
            underway -= 1
            if underway <= 0:
                all_left.set()

        tasks = [
            asyncio.create_task(self._carry(row, connection, left))
            for row, connection in zip(rows, connections, strict=False)
        ]
        if tasks:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    await all_left.wait()
            self.prepare(len(connections))
            await self._wait(tasks)
        outcomes += [self._outcome(row, task.result()) for row, task in zip(rows, tasks, strict=True)]
        return outcomes

    async def _carry(self, row: Prepared, connection: SmtpConnection, left: Callable[[], None]) -> Attempted:
        assert row.letter is not None
        said = False

        def once() -> None:
            nonlocal said
            if not said:
                said = True
                left()

        try:
            return await connection.carry(row.letter, self._timeout, self._may_leave, once)
        finally:
            once()

    def _may_leave(self) -> bool:
        return boot_seconds() < self._until

    async def _wait(self, tasks: Sequence[asyncio.Task[Attempted]]) -> None:
        """Await the window, prolonging the lease while slow servers make it long."""
        while True:
            _, pending = await asyncio.wait(tasks, timeout=self._lease_seconds / 3)
            if not pending:
                return
            asked = boot_seconds()
            with contextlib.suppress(Unavailable), self._units.begin() as unit:
                if store.renew(unit, self._batch.token, self._lease_seconds).rowcount == 1:
                    self._until = asked + self._lease_seconds

    def _outcome(self, row: Prepared, attempted: Attempted) -> Outcome:
        reply = blotted(attempted.reply, row.address)
        return after_attempt(row.position, attempted.state, reply, row.attempts, self._max_attempts)


def _unwritable() -> Attempted:
    return Attempted("refused", UNWRITABLE)
