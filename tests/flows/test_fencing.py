"""A worker that slept through its lease sends nothing when it wakes."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.kernel.database import Database
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
