"""Deliveries to a sink that refuses, defers and breaks off; opt-outs, pauses and cancellations on the way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.billing.accrue import accrue_sends
from broker.delivery.send_mailing import send_mailing
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Unavailable
from broker.kernel.settings import Settings
from broker.mailings.cancel import cancel_mailing
from broker.mailings.find_mailing import find_mailing
from broker.mailings.model import Mailing
from broker.mailings.pause import pause_mailing
from broker.mailings.resume import resume_mailing
from broker.vault.blind_index import contact_keys
from broker.vault.keyring import WorkerKeys
from tests.mail_house import House, Sink, billed, build, keys_in, mail_settings, people, running_sink, states

pytestmark = pytest.mark.flow

Accrue = Callable[[UnitOfWork, int, Sequence[tuple[int, int]]], object]


class Bench:
    """A mailing, its database and keys."""

    def __init__(self, engine: Engine, folder: Path, count: int) -> None:
        self.data = Database(engine)
        self.folder = folder
        self.keys: WorkerKeys = keys_in(folder)
        self.persons = people(count)
        self.house: House = build(self.data, self.keys, self.persons)
        self.mailing: Mailing = self.house.mailing

    def send(self, sink: Sink, accrue: Accrue = accrue_sends, settings: Settings | None = None) -> None:
        used = settings or mail_settings(self.folder, sink.port)
        # Again where it made way: mailings of other tests wait in the queue.
        while send_mailing(self.data, self.keys, used, self.mailing.id, accrue).unfinished:
            pass

    def states(self) -> dict[str, int]:
        return states(self.data, self.mailing)

    def state(self) -> str:
        with self.data.begin() as unit:
            return find_mailing(unit, self.mailing.code).state

    def run(self, sql: str, **values: object) -> None:
        with self.data.begin() as unit:
            unit.run(sql, **values)

    def suppress(self, person: int, scope: str) -> None:
        self.run(
            "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, advertiser_id, reason)"
            " VALUES (:key, 1, :scope, :base, :advertiser, 'opt_out')",
            key=contact_keys(self.keys, [self.persons[person]["email"]])[0],
            scope=scope,
            base=self.house.base_id if scope == "base" else 0,
            advertiser=self.house.advertiser_id if scope == "advertiser" else 0,
        )


def received(sink: Sink) -> Counter[str]:
    return Counter(address for message in sink.messages() for address in message.rcpt_to)


def test_each_answer_of_the_relay_becomes_its_state(worker_engine: Engine, tmp_path: Path) -> None:
    bench = Bench(worker_engine, tmp_path, 60)
    rules = (r"refuse:^personne\.3@", r"defer:^personne\.4@", r"drop:^personne\.5@", r"drop-after:^personne\.6@")
    with running_sink(tmp_path / "sink", *rules) as sink:
        bench.send(sink)
        assert bench.states() == {"accepted": 56, "refused": 1, "deferred": 2, "uncertain": 1}
        assert bench.state() == "sending"
        assert billed(bench.data, bench.mailing) == 56
        with bench.data.begin() as unit:
            replies = " ".join(
                row.reply for row in unit.all("SELECT reply FROM send WHERE mailing_id = :id", id=bench.mailing.id)
            )
        assert "@" not in replies
        assert "personne" not in replies


def test_what_was_put_off_is_tried_again_and_given_up_in_the_end(worker_engine: Engine, tmp_path: Path) -> None:
    bench = Bench(worker_engine, tmp_path, 20)
    with running_sink(tmp_path / "sink", r"defer-once:^personne\.1@", r"defer:^personne\.2@") as sink:
        for _ in range(8):
            bench.send(sink)
            bench.run(
                "UPDATE send SET next_attempt_at = app_now() WHERE mailing_id = :id AND state = 'deferred'",
                id=bench.mailing.id,
            )
        assert bench.states() == {"accepted": 19, "refused": 1}
        assert bench.state() == "sent"
        assert received(sink)["personne.1@exemple-1.test"] == 1
        with bench.data.begin() as unit:
            attempts = unit.scalar(
                "SELECT attempts FROM send WHERE mailing_id = :id AND state = 'refused'", id=bench.mailing.id
            )
        assert attempts == 6


@pytest.mark.parametrize("scope", ["everywhere", "base", "advertiser"])
def test_an_opt_out_given_while_the_mail_is_queued_is_withheld(
    worker_engine: Engine, tmp_path: Path, scope: str
) -> None:
    bench = Bench(worker_engine, tmp_path, 200)
    left = 180  # claimed by then: a batch is larger than the mailing
    given = threading.Event()

    def accrue(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> None:
        accrue_sends(unit, mailing_id, keys)
        if not given.is_set():
            given.set()
            bench.suppress(left, scope)

    with running_sink(tmp_path / "sink") as sink:
        bench.send(sink, accrue, mail_settings(tmp_path, sink.port, batch=500))
        assert bench.states() == {"accepted": 199, "withheld": 1}
        assert bench.persons[left]["email"] not in received(sink)


def test_an_opt_out_kept_under_a_pepper_of_another_time_counts(worker_engine: Engine, tmp_path: Path) -> None:
    bench = Bench(worker_engine, tmp_path, 40)
    bench.keys = replace(bench.keys, peppers={**bench.keys.peppers, 2: bytes(range(32))}, pepper_version=2)
    later = contact_keys(bench.keys, [bench.persons[9]["email"]])[0]
    bench.run(
        "INSERT INTO suppression (contact_key, pepper_version, scope, reason)"
        " VALUES (:key, 2, 'everywhere', 'opt_out')",
        key=later,
    )
    with running_sink(tmp_path / "sink") as sink:
        bench.send(sink)
        assert bench.states() == {"accepted": 39, "withheld": 1}
        assert bench.persons[9]["email"] not in received(sink)


def test_a_pause_stops_after_the_window_and_resuming_sends_the_rest_once(worker_engine: Engine, tmp_path: Path) -> None:
    bench = Bench(worker_engine, tmp_path, 100)
    paused = threading.Event()

    def accrue(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> None:
        accrue_sends(unit, mailing_id, keys)
        if not paused.is_set():
            paused.set()
            with bench.data.begin() as other:
                pause_mailing(other, bench.mailing.code)

    with running_sink(tmp_path / "sink") as sink:
        bench.send(sink, accrue)
        stopped = bench.states()
        assert stopped["accepted"] <= 8  # the window before the pause and the one in flight
        assert stopped["pending"] == 100 - stopped["accepted"]
        bench.send(sink)
        assert bench.states() == stopped
        with bench.data.begin() as unit:
            resume_mailing(unit, bench.mailing.code)
        bench.send(sink)
        assert bench.states() == {"accepted": 100}
        assert set(received(sink).values()) == {1}


def test_a_cancelled_mailing_sends_nothing_more_and_counts_everybody(worker_engine: Engine, tmp_path: Path) -> None:
    bench = Bench(worker_engine, tmp_path, 100)
    cancelled = threading.Event()

    def accrue(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> None:
        accrue_sends(unit, mailing_id, keys)
        if not cancelled.is_set():
            cancelled.set()
            with bench.data.begin() as other:
                cancel_mailing(other, bench.mailing.code)

    with running_sink(tmp_path / "sink") as sink:
        bench.send(sink, accrue)
        final = bench.states()
        assert set(final) == {"accepted", "cancelled"}
        assert sum(final.values()) == 100
        assert final["accepted"] == sum(received(sink).values()) <= 8
        assert billed(bench.data, bench.mailing) == final["accepted"]


def test_a_person_erased_since_the_freeze_gets_nothing(worker_engine: Engine, tmp_path: Path) -> None:
    bench = Bench(worker_engine, tmp_path, 30)
    bench.run(
        "UPDATE contact SET sealed = NULL WHERE base_id = :base AND contact_key = :key",
        base=bench.house.base_id,
        key=contact_keys(bench.keys, [bench.persons[7]["email"]])[0],
    )
    with running_sink(tmp_path / "sink") as sink:
        bench.send(sink)
        assert bench.states() == {"accepted": 29, "withheld": 1}


def test_without_a_relay_nothing_is_attempted(worker_engine: Engine, tmp_path: Path) -> None:
    bench = Bench(worker_engine, tmp_path, 30)
    with running_sink(tmp_path / "sink") as sink:
        gone = sink
    with pytest.raises(Unavailable) as refusal:
        bench.send(gone)
    assert refusal.value.code == "no_relay"
    assert bench.states() == {"pending": 30}


def test_an_outcome_is_written_only_together_with_its_accrual(worker_engine: Engine, tmp_path: Path) -> None:
    bench = Bench(worker_engine, tmp_path, 30)

    def failing(unit: UnitOfWork, mailing_id: int, keys: Sequence[tuple[int, int]]) -> None:
        raise ZeroDivisionError

    with running_sink(tmp_path / "sink") as sink, pytest.raises(ZeroDivisionError):
        bench.send(sink, failing)
    assert "accepted" not in bench.states()
    assert billed(bench.data, bench.mailing) == 0
