"""The real worker process: rows without a job are found, a killed worker's job comes back, SIGTERM holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.kernel.database import Database
from broker.mailings.model import Mailing
from broker.operate.database_server import DatabaseServer
from tests.mail_house import COURTIER, build, keys_in, people, running_sink, states, until

RECIPIENTS = 2_500
CONFIG = """
[instance]
name = "test"
state_dir = "{folder}"
demo = true
[database]
url = "{admin}"
worker_url = "{worker}"
[keys]
dir = "{folder}/keys"
[worker]
lease_seconds = 2
stalled_after_seconds = 5
[mail]
batch = 50
[[mail.relays]]
port = {port}
connections = 4
"""

pytestmark = [pytest.mark.flow, pytest.mark.slow]


def start(config: Path) -> subprocess.Popen[bytes]:
    """`courtier worker` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", COURTIER, "--config", str(config), "worker"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent.parent)},
    )


def state_of(data: Database, mailing: Mailing) -> str:
    """The mailing's state now."""
    with data.begin() as unit:
        return str(unit.scalar("SELECT state FROM mailing WHERE id = :id", id=mailing.id))


@pytest.mark.timeout(300)
def test_a_mailing_survives_the_loss_of_its_job_a_kill_and_an_orderly_end(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    # Frozen without any job: only the row says that it is due.
    mailing = build(data, keys, people(RECIPIENTS)).mailing
    with running_sink(tmp_path / "sink") as sink:
        config = tmp_path / "courtier.toml"
        config.write_text(
            CONFIG.format(folder=tmp_path, admin=database.url("admin"), worker=database.url("worker"), port=sink.port)
        )
        killed = start(config)
        try:
            until(lambda: len(sink.messages()) >= 100, 60)
        finally:
            killed.kill()
            killed.wait()
        ended = start(config)
        try:
            before = len(sink.messages())
            until(lambda: len(sink.messages()) >= before + 100, 60)
        finally:
            ended.send_signal(signal.SIGTERM)
            assert ended.wait(30) == 0
        held = states(data, mailing)
        assert held.get("claimed", 0) == 0
        assert held.get("attempting", 0) == 0
        assert held.get("pending", 0) > 0, "the worker was to be ended in the middle"

        last = start(config)
        try:
            until(lambda: state_of(data, mailing) == "sent", 120)
        finally:
            last.terminate()
            assert last.wait(30) == 0
        received = Counter(address for message in sink.messages() for address in message.rcpt_to)

    final = states(data, mailing)
    assert max(received.values()) == 1
    assert sum(final.values()) == RECIPIENTS
    assert set(final) <= {"accepted", "uncertain"}
    assert final.get("uncertain", 0) <= 4  # one kill, one window
    with data.begin() as unit:
        send_state = unit.scalar(
            "SELECT s.state FROM participation_send s JOIN dispatch d ON d.participation_send_id = s.id"
            " WHERE d.id = :id",
            id=mailing.dispatch_id,
        )
    assert send_state == "sent"
