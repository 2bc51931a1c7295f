"""What it costs to write down a mail's way: the statements of delivery's windows alone, without mail."""

from __future__ import annotations

import time
from pathlib import Path
from uuid import uuid4

from broker.billing.accrue import accrue_sends
from broker.delivery import store
from broker.delivery.model import Outcome, Prepared
from broker.delivery.steady import SteadyUnits
from broker.kernel.database import Database
from broker.kernel.errors import Unavailable
from broker.mailings.model import Mailing

LEASE_SECONDS = 600


def recording_cost(database: Database, mailing: Mailing, window: int, *, accrue: bool) -> tuple[float, float]:
    """CPU seconds a mail, (ours, PostgreSQL's), of claim, intent and outcome in windows of so many mails.

    Each window is one durable transaction, as in the delivery job; with `accrue` the revenue is in it as well.
    """
    with database.begin() as unit:
        unit.run("UPDATE mailing SET state = 'sending', started_at = app_now() WHERE id = :id", id=mailing.id)
        facts = store.facts_of(unit, mailing.id)
    if facts is None:
        raise Unavailable("The benchmark's mailing is gone.", code="no_mailing")
    units, token = SteadyUnits(database, LEASE_SECONDS), uuid4()
    try:
        with units.begin() as unit:
            server = unit.driver.info.backend_pid
            ours, theirs = time.thread_time(), _cpu(server)
            rows = store.claim(unit, facts, token, 2**31 - 1, -1, LEASE_SECONDS)
        spent, taken = time.thread_time() - ours, _cpu(server) - theirs
        told: list[Outcome] = []
        with units.pipelined() as unit:
            server = unit.driver.info.backend_pid
        ours, theirs = time.thread_time(), _cpu(server)
        for start in range(0, len(rows) + window, window):
            wanted = [Prepared(row.position, 1, "", None) for row in rows[start : start + window]]
            with units.pipelined() as unit:
                store.renew(unit, token, LEASE_SECONDS)
                if told:
                    store.write_outcomes(unit, facts, token, told)
                if told and accrue:
                    accrue_sends(unit, facts.id, [(facts.dispatch_id, one.position) for one in told])
                took = store.take(unit, facts, token, wanted) if wanted else None
            left = took.fetchall() if took is not None else []
            told = [Outcome(position, "accepted", f"250 2.0.0 Ok: queued as {position:X}") for (position,) in left]
        spent, taken = spent + time.thread_time() - ours, taken + _cpu(server) - theirs
    finally:
        units.close()
    return spent / len(rows), taken / len(rows)


def _cpu(pid: int) -> float:
    """CPU seconds of a process, to the nanosecond where the kernel tells."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
