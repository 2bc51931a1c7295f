"""Promise 2: no mail twice, none lost in silence, whatever dies."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.kernel.database import Database
from broker.operate.database_server import DatabaseServer
from tests.mail_house import billed, build, keys_in, mail_settings, people, running_sink, states

ROOT = Path(__file__).parent.parent.parent
KILLS = 20
RECIPIENTS = 4_000

pytestmark = [pytest.mark.flow, pytest.mark.slow]


def start_worker(folder: Path, port: int, url: str, mailing_id: int) -> subprocess.Popen[bytes]:
    """A delivering worker; returns once it has started its work."""
    worker = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "deliver.py"), str(folder), str(port), url, str(mailing_id)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    return worker


@pytest.mark.timeout(600)
def test_killing_the_worker_twenty_times_sends_nothing_twice_and_bills_nothing_uncertain(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(RECIPIENTS)).mailing
    settings = mail_settings(tmp_path, 1)
    window = settings.mail.relays[0].connections * settings.mail.depth
    drawn = random.Random(20261121)
    kills = 0
    with running_sink(tmp_path / "sink") as sink:
        while kills < KILLS:
            worker = start_worker(tmp_path, sink.port, database.url("worker"), mailing.id)
            before = len(sink.messages())
            # Deep in its work: some mails after its start, then at any moment.
            end = time.monotonic() + 20
            while len(sink.messages()) < before + 20 and worker.poll() is None and time.monotonic() < end:
                time.sleep(0.01)
            time.sleep(drawn.random() * 0.05)
            assert worker.poll() is None, "the mailing ended before it could be killed often enough"
            worker.kill()
            worker.wait()
            assert worker.stdout is not None
            worker.stdout.close()
            kills += 1
            now = states(data, mailing)
            assert sum(now.values()) == RECIPIENTS
            assert now.get("uncertain", 0) + now.get("attempting", 0) <= window * kills
        last = start_worker(tmp_path, sink.port, database.url("worker"), mailing.id)
        assert last.wait(120) == 0
        assert last.stdout is not None
        last.stdout.close()
        received = Counter(address for message in sink.messages() for address in message.rcpt_to)

    final = states(data, mailing)
    assert max(received.values()) == 1, "somebody got a second copy"
    assert sum(final.values()) == RECIPIENTS
    assert set(final) <= {"accepted", "uncertain"}
    assert final.get("uncertain", 0) <= window * kills
    # Whoever got no mail is among the uncertain; nobody else is missing.
    assert RECIPIENTS - len(received) <= final.get("uncertain", 0)
    assert len(received) >= final["accepted"]
    assert billed(data, mailing) == final["accepted"]
