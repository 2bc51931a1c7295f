"""A mailing in waves, with a subject test, paused, resumed and cancelled while its workers die."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from broker.kernel.actor import Actor
from broker.kernel.clock import advance
from broker.kernel.database import Database
from broker.kernel.errors import Conflict
from broker.mailings.cancel import cancel_mailing
from broker.mailings.find_mailing import find_mailing
from broker.mailings.flow import set_flow
from broker.mailings.pause import pause_mailing
from broker.mailings.resume import resume_mailing
from broker.mailings.variants import Variation
from broker.operate.database_server import DatabaseServer
from broker.operate.mail_sink import FILE_NAME
from tests.mail_house import House, Sink, billed, build, keys_in, mail_settings, people, running_sink, states

ROOT = Path(__file__).parent.parent.parent
RECIPIENTS = 1_200
ROUNDS = 5
STILL_SECONDS = 3.0  # a dead worker's lease, and a moment
pytestmark = [pytest.mark.flow, pytest.mark.slow]


@pytest.fixture(autouse=True)
def the_clock_again(admin_engine: Engine) -> Iterator[None]:
    """What other tests go by: the clock as it was."""
    with admin_engine.begin() as connection:
        ahead = connection.execute(text("SELECT ahead FROM shared_clock")).scalar_one()
    yield
    with admin_engine.begin() as connection:
        connection.execute(text("UPDATE shared_clock SET ahead = :ahead"), {"ahead": ahead})


def worker_of(folder: Path, port: int, url: str, mailing_id: int) -> subprocess.Popen[bytes]:
    worker = subprocess.Popen(
        [sys.executable, str(Path(__file__).parent / "deliver.py"), str(folder), str(port), url, str(mailing_id)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert worker.stdout is not None
    assert worker.stdout.readline() == b"ready\n"
    return worker


def end(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()
    worker.wait()
    assert worker.stdout is not None
    worker.stdout.close()


def act(data: Database, house: House, verb: str) -> None:
    """What an owner does on its page; what the state does not allow is refused and changes nothing."""
    with suppress(Conflict), data.begin(Actor("owner", house.owner_id, None)) as unit:
        {"pause": pause_mailing, "resume": resume_mailing, "cancel": cancel_mailing}[verb](unit, house.mailing.code)


def until_more_left(sink: Sink, seconds: float) -> None:
    """Wait until the sink has kept more than it has now, `seconds` at most."""
    path = sink.folder / FILE_NAME

    def size() -> int:
        return path.stat().st_size if path.exists() else 0

    before, stop = size(), time.monotonic() + seconds
    while size() == before and time.monotonic() < stop:
        time.sleep(0.02)


def stands_still(data: Database, house: House) -> None:
    """Wait until nothing has moved for longer than a dead worker's lease: the clock may go on."""
    before, still_until = states(data, house.mailing), time.monotonic() + STILL_SECONDS
    while time.monotonic() < still_until and not is_over(data, house):
        time.sleep(0.3)
        now = states(data, house.mailing)
        if now != before:
            before, still_until = now, time.monotonic() + STILL_SECONDS


def is_over(data: Database, house: House) -> bool:
    """Whether the mailing was sent, or cancelled with nothing under way."""
    with data.begin() as unit:
        now = find_mailing(unit, house.mailing.code)
    waiting = {"pending", "claimed", "attempting", "deferred"} & set(states(data, house.mailing))
    return now.state == "sent" or (now.state == "cancelled" and not waiting)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("last", ["sent", "cancelled"])
def test_steering_while_workers_die_sends_nothing_twice(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path, last: str
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    house = build(data, keys, people(RECIPIENTS), [Variation("Objet B"), Variation("Objet C")])
    with data.begin(Actor("owner", house.owner_id, None)) as unit:
        set_flow(unit, house.mailing.code, (30, 30, 40), 60)
    window = mail_settings(tmp_path, 1).mail.relays[0].connections
    drawn = random.Random(20261122)
    deaths = 0
    with running_sink(tmp_path / "sink") as sink:
        for _ in range(ROUNDS):
            worker = worker_of(tmp_path, sink.port, database.url("worker"), house.mailing.id)
            # However busy the machine, some mails have left; later a wave may have nothing to send.
            until_more_left(sink, 2.0 if deaths else 60.0)
            for verb in drawn.sample(["pause", "resume", "pause", "resume"], 3):
                time.sleep(drawn.random() * 0.15)
                act(data, house, verb)
            end(worker)
            deaths += 1
            act(data, house, "resume")
            with data.begin() as unit:
                advance(unit.session, timedelta(minutes=drawn.choice((5, 61, 300))))
            assert sum(states(data, house.mailing).values()) == RECIPIENTS
        if last == "cancelled":
            dying = worker_of(tmp_path, sink.port, database.url("worker"), house.mailing.id)
            act(data, house, "cancel")
            end(dying)
            deaths += 1
        ending = worker_of(tmp_path, sink.port, database.url("worker"), house.mailing.id)
        stop = time.monotonic() + 180
        while not is_over(data, house) and time.monotonic() < stop:
            if ending.poll() is not None:  # a cancelled mailing's worker leaves; what dead ones held comes free later
                end(ending)
                ending = worker_of(tmp_path, sink.port, database.url("worker"), house.mailing.id)
            stands_still(data, house)
            with data.begin() as unit:
                advance(unit.session, timedelta(hours=5))
        end(ending)
        received = Counter(address for message in sink.messages() for address in message.rcpt_to)

    final = states(data, house.mailing)
    assert max(received.values()) == 1, "somebody got a second copy"
    assert sum(final.values()) == RECIPIENTS
    assert final.get("uncertain", 0) <= window * 2 * (deaths + ROUNDS)
    assert final.get("accepted", 0) <= len(received) <= final.get("accepted", 0) + final.get("uncertain", 0)
    assert billed(data, house.mailing) == final.get("accepted", 0)
    with data.begin() as unit:
        assert find_mailing(unit, house.mailing.code).state == last
        progress = unit.one("SELECT * FROM mailing_progress WHERE mailing_id = :id", id=house.mailing.id)
    if last == "sent":
        assert set(final) <= {"accepted", "uncertain"}
        assert progress is not None
        assert progress.winner == 0  # nobody clicked
