"""Promise 2 under everything else that breaks: the database, the relay, the disk, the clock, the line between them.

After each: nobody has two copies, every recipient is in one state, the uncertain are no more than the windows that
were under way, and only accepted mail is billed.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.kernel.database import Database, make_engine
from broker.kernel.settings import InstanceSettings, Settings
from broker.mailings.model import Mailing
from broker.operate.database_server import DatabaseServer, running_postgres
from tests.flows.cut_line import cut_line
from tests.mail_house import Sink, billed, build, keys_in, mail_settings, people, running_sink, states, until

ROOT = Path(__file__).parent.parent.parent
RECIPIENTS = 800
WINDOW = 4  # connections of a worker

pytestmark = [pytest.mark.flow, pytest.mark.slow, pytest.mark.timeout(120)]


@contextmanager
def worker(
    folder: Path, port: int, url: str, mailing_id: int, file_limit: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    """A delivering worker that has started its work; killed at the end if it still runs."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    words = [sys.executable, str(Path(__file__).parent / "deliver.py"), str(folder), str(port), url, str(mailing_id)]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COURTIER_TEST_JOURNAL": "yes" if file_limit else ""},
        preexec_fn=limit if file_limit else None,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def copies(*sinks: Sink) -> Counter[str]:
    return Counter(address for sink in sinks for message in sink.messages() for address in message.rcpt_to)


def check(data: Database, mailing: Mailing, received: Counter[str], doubtful: int) -> None:
    """The promise, at the end of a mailing."""
    final = states(data, mailing)
    assert max(received.values()) == 1, "somebody got a second copy"
    assert sum(final.values()) == RECIPIENTS
    assert set(final) <= {"accepted", "uncertain"}
    assert final.get("uncertain", 0) <= doubtful
    assert RECIPIENTS - len(received) <= final.get("uncertain", 0)
    assert billed(data, mailing) == final["accepted"]
    with data.begin() as unit:  # explained: each says why
        reasons = unit.all(
            "SELECT DISTINCT reply FROM send WHERE mailing_id = :id AND state = 'uncertain'", id=mailing.id
        )
    assert all("connection lost after the text" in row.reply or "the worker died" in row.reply for row in reasons)


def hurry(data: Database, mailing: Mailing) -> None:
    """What was put off need not wait in a test."""
    with data.begin() as unit:
        unit.run(
            "UPDATE send SET next_attempt_at = app_now() WHERE mailing_id = :id AND state = 'deferred'", id=mailing.id
        )


def finish(folder: Path, port: int, url: str, data: Database, mailing: Mailing) -> None:
    """Let a healthy worker bring the mailing to its end."""
    with worker(folder, port, url, mailing.id) as last:
        end = time.monotonic() + 40
        while last.poll() is None:
            assert time.monotonic() < end, states(data, mailing)
            hurry(data, mailing)
            time.sleep(0.2)


def test_killing_the_database_in_the_middle(scratch: Path, tmp_path: Path) -> None:
    settings = Settings(instance=InstanceSettings(name="killed", state_dir=str(scratch / "killed"), demo=True))
    keys = keys_in(tmp_path)
    with running_sink(tmp_path / "sink") as sink:
        with running_postgres(settings) as server:
            data = Database(make_engine(server.url("worker")))
            mailing = build(data, keys, people(RECIPIENTS)).mailing
            with worker(tmp_path, sink.port, server.url("worker"), mailing.id) as running:
                until(lambda: len(sink.messages()) >= 100)
                assert server.embedded is not None
                assert server.embedded.process is not None
                os.kill(server.embedded.process.pid, signal.SIGKILL)
                time.sleep(0.5)
                running.kill()
            data.engine.dispose()
        arrived = len(sink.messages())
        assert 100 <= arrived < RECIPIENTS
        with running_postgres(settings) as server:
            data = Database(make_engine(server.url("worker")))
            finish(tmp_path, sink.port, server.url("worker"), data, mailing)
            check(data, mailing, copies(sink), 3 * WINDOW)
            data.engine.dispose()


def test_killing_the_relay_in_the_middle(database: DatabaseServer, worker_engine: Engine, tmp_path: Path) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(RECIPIENTS)).mailing
    with running_sink(tmp_path / "first") as first:
        with worker(tmp_path, first.port, database.url("worker"), mailing.id):
            until(lambda: len(first.messages()) >= 100)
            first.process.kill()
            first.process.wait()
            time.sleep(0.5)
            broken = states(data, mailing)
        assert broken.get("uncertain", 0) <= WINDOW
    with running_sink(tmp_path / "second") as second:
        finish(tmp_path, second.port, database.url("worker"), data, mailing)
        check(data, mailing, copies(first, second), 2 * WINDOW)


def test_a_full_disk_under_the_journal_sends_nothing_that_it_does_not_hold(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(RECIPIENTS)).mailing
    with running_sink(tmp_path / "sink") as sink:
        with worker(tmp_path, sink.port, database.url("worker"), mailing.id, file_limit=60_000) as running:
            until(lambda: running.poll() is not None or states(data, mailing).get("accepted", 0) > 0)
            time.sleep(3.0)
            before = len(sink.messages())
            time.sleep(0.5)
            assert len(sink.messages()) == before, "it goes on without a journal"
        assert 0 < before < RECIPIENTS
        finish(tmp_path, sink.port, database.url("worker"), data, mailing)
        check(data, mailing, copies(sink), 3 * WINDOW)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_jump_of_the_databases_clock(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path, hours: int
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(RECIPIENTS)).mailing
    with running_sink(tmp_path / "sink") as sink:
        url = database.url("worker")
        with worker(tmp_path, sink.port, url, mailing.id) as one, worker(tmp_path, sink.port, url, mailing.id) as other:
            for number in (1, 2, 3):
                until(lambda least=number * 100: len(sink.messages()) >= least)
                with data.begin() as unit:  # as if the clock had jumped so far: each lease is over, or holds for long
                    unit.run(
                        "UPDATE send_batch SET leased_until = leased_until - make_interval(hours => :hours)"
                        " WHERE mailing_id = :id",
                        hours=hours,
                        id=mailing.id,
                    )
            end = time.monotonic() + 40
            while one.poll() is None or other.poll() is None:
                assert time.monotonic() < end, states(data, mailing)
                time.sleep(0.1)
        check(data, mailing, copies(sink), 2 * 3 * 2 * WINDOW)


def test_a_cut_line_between_worker_and_database(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(RECIPIENTS)).mailing
    with running_sink(tmp_path / "sink") as sink, cut_line(database.url("worker")) as line:
        with worker(tmp_path, sink.port, line.url, mailing.id) as lonely:
            until(lambda: len(sink.messages()) >= 100)
            line.cut()
            time.sleep(0.5)
            cut_at = len(sink.messages())
            # Its lease runs out (2 seconds); the heir reaches the database another way.
            finish(tmp_path, sink.port, database.url("worker"), data, mailing)
            taken_over = len(sink.messages())
            assert taken_over > cut_at
            line.mend()
            time.sleep(1.0)
            assert len(sink.messages()) == taken_over, "it sent something that was taken over"
            assert lonely.poll() is None or lonely.returncode == 0
        check(data, mailing, copies(sink), 3 * WINDOW)


@pytest.mark.parametrize("way", ["chunks", "in turn"])
def test_several_mails_on_a_connection_are_in_doubt_and_never_sent_again(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(RECIPIENTS)).mailing
    depth = 5
    deep = mail_settings(tmp_path, 1)
    assert replace(deep.mail, depth=depth).depth == depth
    with running_sink(tmp_path / "sink") as sink:
        monkeypatch.setenv("COURTIER_TEST_DEPTH", str(depth))
        monkeypatch.setenv("COURTIER_TEST_CHUNKS", way)
        for _ in range(3):
            before = len(sink.messages())
            with worker(tmp_path, sink.port, database.url("worker"), mailing.id) as running:
                until(lambda least=before + 100: len(sink.messages()) >= least)
                running.kill()
        finish(tmp_path, sink.port, database.url("worker"), data, mailing)
        check(data, mailing, copies(sink), 3 * depth * WINDOW)
