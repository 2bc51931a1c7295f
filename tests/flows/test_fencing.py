"""A worker that slept through its lease sends nothing when it wakes."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.delivery.claim import claim_batch
from broker.delivery.reconcile import reconcile
from broker.delivery.steady import SteadyUnits
from broker.delivery.store import facts_of, mark_started
from broker.kernel.database import Database
from broker.kernel.errors import Unavailable
from broker.operate.database_server import DatabaseServer
from tests.flows.test_kill_worker import start_worker
from tests.mail_house import billed, build, keys_in, people, running_sink, states, until

RECIPIENTS = 1_500

pytestmark = [pytest.mark.flow, pytest.mark.slow]


@pytest.mark.timeout(300)
def test_a_stopped_worker_whose_lease_was_taken_over_sends_nothing(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(RECIPIENTS)).mailing
    with running_sink(tmp_path / "sink") as sink:
        sleeper = start_worker(tmp_path, sink.port, database.url("worker"), mailing.id)
        until(lambda: len(sink.messages()) >= 100)
        # Stopped between two batches it holds nothing: then let it go on and stop it again.
        for _ in range(20):
            sleeper.send_signal(signal.SIGSTOP)
            time.sleep(0.3)  # what was in the sockets arrives
            held = states(data, mailing)
            if held.get("claimed", 0) + held.get("attempting", 0) > 0:
                break
            sleeper.send_signal(signal.SIGCONT)
            time.sleep(0.02)
        assert held.get("claimed", 0) + held.get("attempting", 0) > 0, "the worker was stopped holding nothing"
        stopped_at = len(sink.messages())

        heir = start_worker(tmp_path, sink.port, database.url("worker"), mailing.id)
        assert heir.wait(120) == 0
        taken_over = sink.messages()
        sleeper.send_signal(signal.SIGCONT)
        time.sleep(1.5)
        woken = sink.messages()
        assert len(woken) == len(taken_over), "the woken worker sent something"
        assert len(taken_over) > stopped_at
        assert sleeper.wait(60) == 0
        for worker in (sleeper, heir):
            assert worker.stdout is not None
            worker.stdout.close()

    final = states(data, mailing)
    received = Counter(address for message in woken for address in message.rcpt_to)
    assert max(received.values()) == 1
    assert sum(final.values()) == RECIPIENTS
    assert set(final) <= {"accepted", "uncertain"}
    assert billed(data, mailing) == final["accepted"]


@pytest.mark.timeout(120)
def test_a_worker_stopped_inside_a_transaction_does_not_keep_its_batch_for_ever(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(100)).mailing
    units = SteadyUnits(data, 1)
    with data.begin() as unit:
        facts = facts_of(unit, mailing.id)
        assert facts is not None
        mark_started(unit, mailing.id)
        assert claim_batch(unit, facts, 50, -1, 1) is not None

    def sleep_in_a_transaction() -> None:
        with units.begin() as stopped:
            stopped.all("SELECT 1 FROM send_batch WHERE mailing_id = :id FOR UPDATE", id=mailing.id)
            time.sleep(2.5)  # as if stopped here, its locks held
            with data.begin() as unit:
                assert reconcile(unit, mailing.id, mailing.code) == (0, 50)
            stopped.all("SELECT 1")

    with pytest.raises(Unavailable):
        sleep_in_a_transaction()
    units.close()
