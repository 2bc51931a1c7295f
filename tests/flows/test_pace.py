"""Pace, warm-up, fair turns, weights and failover: what leaves how fast, over which relay, for whom."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.billing.accrue import accrue_sends
from broker.delivery.send_mailing import send_mailing
from broker.delivery.set_pace import set_pace
from broker.delivery.warm_up import end_warm_up, set_warm_up
from broker.kernel.database import Database
from broker.kernel.settings import RelaySettings, Settings
from broker.mailings.model import Mailing
from broker.operate.database_server import DatabaseServer
from broker.vault.keyring import WorkerKeys
from tests.mail_house import House, Sink, build, keys_in, mail_settings, people, running_sink, states

pytestmark = pytest.mark.flow
ROOT = Path(__file__).parent.parent.parent


def at_one_domain(count: int, domain: str) -> list[dict[str, str]]:
    return [{"email": f"personne.{n}@{domain}", "first_name": f"Zoé{n}"} for n in range(count)]


def two_relays(settings: Settings, first: RelaySettings, second: RelaySettings) -> Settings:
    return replace(settings, mail=replace(settings.mail, relays=(first, second)))


def send_all(data: Database, keys: WorkerKeys, settings: Settings, mailing: Mailing) -> None:
    """Run the job until it wants no other run: it makes way for mailings of other tests that wait in the queue."""
    while send_mailing(data, keys, settings, mailing.id, accrue_sends).unfinished:
        pass


def recipients(sink: Sink) -> Counter[str]:
    return Counter(address for message in sink.messages() for address in message.rcpt_to)


def test_two_processes_keep_one_pace_and_others_are_not_held_up(
    database: DatabaseServer, worker_engine: Engine, tmp_path: Path
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    slow = at_one_domain(400, "slow.test")
    mailing = build(data, keys, [*slow, *people(200)]).mailing
    with data.begin() as unit:
        set_pace(unit, "domain", "slow.test", 1_200, None)  # 20 a second
    with running_sink(tmp_path / "sink") as sink:
        arguments = [str(tmp_path), str(sink.port), database.url("worker"), str(mailing.id)]
        workers = [
            subprocess.Popen(
                [sys.executable, str(Path(__file__).parent / "deliver.py"), *arguments],
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            for _ in range(2)
        ]
        try:
            for worker in workers:
                assert worker.stdout is not None
                assert worker.stdout.readline() == b"ready\n"
            start = time.monotonic()
            while sum(n for to, n in recipients(sink).items() if "exemple" in to) < 200:
                assert time.monotonic() - start < 20
                time.sleep(0.05)
            time.sleep(2.0)
            elapsed = time.monotonic() - start
            arrived = sum(n for to, n in recipients(sink).items() if "slow.test" in to)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
                assert worker.stdout is not None
                worker.stdout.close()
    # A second's worth at once, then twenty a second, both processes together.
    assert 0 < arrived <= 20 * (elapsed + 2)
    assert max(recipients(sink).values()) == 1


def test_what_waits_for_a_pace_for_long_is_given_an_hour_of_its_own(worker_engine: Engine, tmp_path: Path) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, [*at_one_domain(60, "slow.test"), *people(20)]).mailing
    with data.begin() as unit:
        set_pace(unit, "domain", "slow.test", 6, 1)
    with running_sink(tmp_path / "sink") as sink:
        send_mailing(data, keys, mail_settings(tmp_path, sink.port, batch=100), mailing.id, accrue_sends)
        assert recipients(sink).total() >= 21
    counts = states(data, mailing)
    assert counts["accepted"] + counts["deferred"] == 80
    with data.begin() as unit:
        rows = unit.all(
            "SELECT attempts, reason, reply, extract(epoch FROM next_attempt_at - app_now()) AS wait FROM send"
            " WHERE mailing_id = :id AND state = 'deferred' ORDER BY position",
            id=mailing.id,
        )
    assert {(row.attempts, row.reason) for row in rows} == {(0, "pace")}
    assert "slow.test" not in rows[0].reply
    assert max(row.wait for row in rows) > 500  # six a minute
    assert sorted(row.wait for row in rows) == [row.wait for row in rows]


def test_a_sending_domain_that_warms_up_stops_at_its_days_cap(worker_engine: Engine, tmp_path: Path) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(120)).mailing
    with data.begin() as unit:
        set_warm_up(unit, "mail.courtier.test", [70, 500], unit.today)
    try:
        with running_sink(tmp_path / "sink") as sink:
            settings = mail_settings(tmp_path, sink.port)
            send_mailing(data, keys, settings, mailing.id, accrue_sends)
            send_mailing(data, keys, settings, mailing.id, accrue_sends)
            assert states(data, mailing) == {"accepted": 70, "pending": 50}
            with data.begin() as unit:
                wait = unit.scalar(
                    "SELECT min(extract(epoch FROM scheduled_at - now())) FROM jobs.procrastinate_jobs"
                    " WHERE task_name = 'send_mailing' AND (args ->> 'row_id')::bigint = :id AND status = 'todo'",
                    id=mailing.id,
                )
                assert wait is not None
                set_warm_up(unit, "mail.courtier.test", [70, 500], unit.today.replace(year=unit.today.year - 1))
            send_mailing(data, keys, settings, mailing.id, accrue_sends)
            assert states(data, mailing) == {"accepted": 120}
            assert max(recipients(sink).values()) == 1
    finally:
        with data.begin() as unit:
            end_warm_up(unit, "mail.courtier.test")


def test_relays_share_the_mail_by_their_weights(worker_engine: Engine, tmp_path: Path) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(600)).mailing
    with running_sink(tmp_path / "a") as heavy, running_sink(tmp_path / "b") as light:
        settings = two_relays(
            mail_settings(tmp_path, heavy.port),
            RelaySettings(port=heavy.port, weight=3, connections=4),
            RelaySettings(port=light.port, weight=1, connections=4),
        )
        send_all(data, keys, settings, mailing)
        shares = len(heavy.messages()), len(light.messages())
    assert sum(shares) == 600
    assert shares[0] / shares[1] == pytest.approx(3, rel=0.35)


def test_a_relay_that_is_away_leaves_its_share_to_the_others(worker_engine: Engine, tmp_path: Path) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(200)).mailing
    with running_sink(tmp_path / "gone") as gone:
        port = gone.port
    with running_sink(tmp_path / "sink") as sink:
        settings = two_relays(
            mail_settings(tmp_path, sink.port), RelaySettings(port=port), RelaySettings(port=sink.port, connections=4)
        )
        send_all(data, keys, settings, mailing)
        assert states(data, mailing) == {"accepted": 200}
    with data.begin() as unit:
        row = unit.one("SELECT failures, reason FROM relay_health WHERE name = :name", name=f"127.0.0.1:{port}")
    assert row is not None
    assert row.failures >= 1


def test_a_relay_that_hangs_does_not_hold_up_the_others(worker_engine: Engine, tmp_path: Path) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    mailing = build(data, keys, people(300)).mailing
    with running_sink(tmp_path / "hung", "hang:.") as hung, running_sink(tmp_path / "sink") as sink:
        settings = mail_settings(tmp_path, sink.port, lease=30)
        settings = replace(settings, mail=replace(settings.mail, timeout_seconds=2))
        settings = two_relays(
            settings, RelaySettings(port=hung.port, connections=2), RelaySettings(port=sink.port, connections=4)
        )
        send_all(data, keys, settings, mailing)  # what the hung relay held is given back, and taken again
        counts = states(data, mailing)
        assert len(sink.messages()) == counts["accepted"]
    assert counts["accepted"] + counts["uncertain"] == 300
    assert counts["uncertain"] <= 4  # its two connections, and one mail for each time it was tried again


def _small_and_large(data: Database, folder: Path) -> tuple[House, House]:
    keys = keys_in(folder)
    return build(data, keys, people(3_000)), build(data, keys, at_one_domain(40, "small.test"))


def test_a_small_mailing_of_one_tenant_finishes_while_anothers_large_one_goes_on(
    worker_engine: Engine, tmp_path: Path
) -> None:
    data, keys = Database(worker_engine), keys_in(tmp_path)
    large, small = _small_and_large(data, tmp_path)
    runs: list[str] = []
    with running_sink(tmp_path / "sink") as sink:
        settings = mail_settings(tmp_path, sink.port, batch=500)
        with data.begin() as unit:
            unit.enqueue("send_mailing", large.mailing.id)
            unit.enqueue("send_mailing", small.mailing.id)
        # One worker takes the jobs of these two in the queue's order.
        for _ in range(6):
            with data.begin() as unit:
                unit.run("SET LOCAL search_path = public, jobs")
                job = unit.one(
                    "DELETE FROM jobs.procrastinate_jobs WHERE id = (SELECT id FROM jobs.procrastinate_jobs"
                    "  WHERE task_name = 'send_mailing' AND status = 'todo' AND (args ->> 'row_id')::bigint = ANY(:ids)"
                    "  ORDER BY id LIMIT 1) RETURNING (args ->> 'row_id')::bigint AS mailing",
                    ids=[large.mailing.id, small.mailing.id],
                )
            assert job is not None
            runs.append("large" if job.mailing == large.mailing.id else "small")
            send_mailing(data, keys, settings, job.mailing, accrue_sends, slice_seconds=0.5)
            if runs[-1] == "small":
                break
        left = states(data, large.mailing)
    assert runs == ["large", "small"]
    assert states(data, small.mailing) == {"accepted": 40}
    assert left.get("pending", 0) > 0
