"""After a restore: what a journal adds to the rows of a backup, and what waits for a person."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine

from broker.billing.accrue import accrue_sends
from broker.delivery.claim import claim_batch
from broker.delivery.store import facts_of
from broker.kernel.database import Database
from broker.mailings.find_mailing import find_mailing
from broker.mailings.resume import resume_mailing
from broker.mailings.schedule import schedule_participation_send
from broker.mailings.start import start_mailing
from broker.operate.backup.events import gather
from broker.operate.backup.manifest import Manifest
from broker.operate.backup.replay import Replayed, replay
from broker.operate.jobs.job_store import enqueue_what_is_due
from broker.operate.journal import store as journal_store
from broker.vault.keyring import WorkerKeys
from tests.mail_house import House, billed, build, people, picked_send, states


@dataclass
class Bench:
    """A frozen mailing to twenty people, as a backup holds it. A restore runs as the administrator."""

    database: Database
    house: House

    @property
    def mailing_id(self) -> int:
        return self.house.mailing.id

    def replay(self, *entries: dict[str, Any], made_at: float = 0.0) -> Replayed:
        manifest = Manifest(1, "0", "0", "i", "n", "k", made_at, 0, "", {}, ())
        with self.database.begin() as unit:
            return replay(unit, manifest, gather(entries))

    def hold_some(self, taken: int) -> str:
        """A worker's batch of ten, of which some are on their way; its token."""
        with self.database.begin() as unit:
            unit.run("UPDATE mailing SET state = 'sending', started_at = app_now() WHERE id = :id", id=self.mailing_id)
            facts = facts_of(unit, self.mailing_id)
            assert facts is not None
            batch = claim_batch(unit, facts, 10, -1, 60)
            assert batch is not None
            unit.run(
                "UPDATE send SET state = 'attempting', attempts = 1 WHERE lease = :token AND position < :taken",
                token=batch.token,
                taken=taken,
            )
        return str(batch.token)

    def journal(self, positions: list[int]) -> list[dict[str, Any]]:
        """What a worker would have journalled of a batch of these."""
        mailing = self.house.mailing
        with self.database.begin() as unit:
            whole, dispatch = journal_store.mailing_rows(unit, mailing.id)
            rows = journal_store.send_rows(unit, mailing.dispatch_id, mailing.id, positions)
        of = {"dispatch_id": mailing.dispatch_id, "mailing_id": mailing.id, "token": "t"}
        return [
            {"kind": "mailing", "mailing": whole, "dispatch": dispatch},
            {"kind": "batch", "at": time.time(), **of, "rows": rows},
        ]

    def told(self, *outcomes: tuple[int, str]) -> dict[str, Any]:
        mailing = self.house.mailing
        of = {"dispatch_id": mailing.dispatch_id, "mailing_id": mailing.id, "token": "t"}
        return {"kind": "outcomes", **of, "rows": [list(outcome) for outcome in outcomes]}

    def states(self) -> dict[str, int]:
        return states(self.database, self.house.mailing)

    def state(self) -> str:
        with self.database.begin() as unit:
            return find_mailing(unit, self.house.mailing.code).state


@pytest.fixture
def bench(admin_engine: Engine, worker_keys: WorkerKeys) -> Iterator[Bench]:
    with admin_engine.connect() as connection:
        transaction = connection.begin()
        with connection.begin_nested():
            database = Database(connection)  # type: ignore[arg-type]
            yield Bench(database, build(database, worker_keys, people(20)))
        transaction.rollback()


def test_a_backup_in_the_middle_of_a_send_leaves_no_lease_and_the_attempted_uncertain(bench: Bench) -> None:
    bench.hold_some(3)
    assert bench.replay().uncertain == 3
    assert bench.states() == {"uncertain": 3, "pending": 17}
    assert bench.state() == "paused"
    with bench.database.begin() as unit:
        assert unit.scalar("SELECT count(*) FROM send_batch WHERE mailing_id = :id", id=bench.mailing_id) == 0


def test_an_open_batch_is_uncertain_and_not_billed_what_was_told_is_known_and_billed(bench: Bench) -> None:
    entries = [*bench.journal([0, 1, 2, 3]), bench.told((0, "accepted"), (1, "refused"))]
    done = bench.replay(*entries)
    assert (done.outcomes, done.uncertain) == (2, 2)
    assert bench.states() == {"accepted": 1, "refused": 1, "uncertain": 2, "pending": 16}
    assert billed(bench.database, bench.house.mailing) == 1
    again = bench.replay(*entries)
    assert (again.outcomes, again.uncertain) == (0, 0)
    assert billed(bench.database, bench.house.mailing) == 1


def test_a_mailing_made_after_the_backup_comes_back_ended_with_what_had_begun_to_leave(bench: Bench) -> None:
    entries = [*bench.journal([0, 1, 2]), bench.told((0, "accepted"), (1, "deferred"))]
    with bench.database.begin() as unit:
        for table in ("send", "mailing"):
            column = "mailing_id" if table == "send" else "id"
            unit.run(f"DELETE FROM {table} WHERE {column} = :id", id=bench.mailing_id)
        unit.run("UPDATE participation_send SET state = 'picked' WHERE state = 'scheduled'")
        unit.run("DELETE FROM dispatch WHERE id = :id", id=bench.house.mailing.dispatch_id)
    done = bench.replay(*entries)
    assert (done.mailings, done.orphans) == (1, 0)
    assert bench.states() == {"accepted": 1, "cancelled": 1, "uncertain": 1}
    assert bench.state() == "cancelled"
    with bench.database.begin() as unit:
        sold = unit.scalar(
            "SELECT s.state FROM participation_send s JOIN dispatch d ON d.participation_send_id = s.id"
            " WHERE d.id = :id",
            id=bench.house.mailing.dispatch_id,
        )
    assert sold == "sent", "what was sent is not planned again"


def test_a_mailing_cancelled_after_the_backup_stays_cancelled(bench: Bench) -> None:
    bench.replay({"kind": "cancelled", "mailing_id": bench.mailing_id})
    assert bench.state() == "cancelled"


def test_nothing_is_asked_for_until_a_person_resumes(bench: Bench) -> None:
    bench.replay()

    def asked() -> bool:
        with bench.database.begin() as unit:
            enqueue_what_is_due(unit, freeze_hours=24)
            return bool(
                unit.scalar(
                    "SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'send_mailing'"
                    " AND (args ->> 'row_id')::bigint = :id",
                    id=bench.mailing_id,
                )
            )

    assert not asked()
    with bench.database.begin() as unit:
        resume_mailing(unit, bench.house.mailing.code)
    assert asked()


def test_what_was_sold_before_the_restore_waits_for_a_person_when_its_day_has_passed(bench: Bench) -> None:
    with bench.database.begin() as unit:
        before = picked_send(unit, bench.house.owner_id, bench.house.advertiser_id, bench.house.base_id)
    bench.replay()
    with bench.database.begin() as unit:
        held = schedule_participation_send(unit, before)
        assert held.starts_at is not None
        assert held.starts_at.year == 2999
        unit.run("UPDATE mailing SET state = 'frozen', frozen_at = app_now() WHERE id = :id", id=held.id)
        started = start_mailing(unit, held.code)
        assert started.starts_at is not None
        assert started.starts_at <= unit.now
    with bench.database.begin() as unit:
        unit.run("UPDATE instance SET restored_at = app_now() - interval '1 day'")
        after = picked_send(unit, bench.house.owner_id, bench.house.advertiser_id, bench.house.base_id)
        free = schedule_participation_send(unit, after)
        assert free.starts_at is not None
        assert free.starts_at <= unit.now


def test_a_mailing_that_is_not_frozen_yet_is_put_off(bench: Bench) -> None:
    with bench.database.begin() as unit:
        planned = schedule_participation_send(
            unit, picked_send(unit, bench.house.owner_id, bench.house.advertiser_id, bench.house.base_id)
        )
    bench.replay()
    with bench.database.begin() as unit:
        starts_at = find_mailing(unit, planned.code).starts_at
    assert starts_at is not None
    assert starts_at.year == 2999


def test_an_opt_out_of_the_journal_holds_and_a_bounce_takes_the_bill_back(bench: Bench) -> None:
    mailing = bench.house.mailing
    with bench.database.begin() as unit:
        unit.run("UPDATE send SET state = 'accepted' WHERE mailing_id = :id AND position = 0", id=mailing.id)
        accrue_sends(unit, mailing.id, [(mailing.dispatch_id, 0)])
    row = {
        "contact_key": "\\x" + "07" * 16, "pepper_version": 1, "scope": "everywhere", "base_id": 0,
        "advertiser_id": 0, "reason": "opt_out", "evidence": "", "at": "2026-11-21T10:00:00+00:00",
    }  # fmt: skip
    bounce = {"kind": "bounce", "dispatch_id": mailing.dispatch_id, "mailing_id": mailing.id, "position": 0}
    entries = ({"kind": "suppression", "row": row}, {**bounce, "status": "5.1.1"})
    done = bench.replay(*entries)
    assert (done.suppressions, done.bounces) == (1, 1)
    assert billed(bench.database, mailing) == 2
    done = bench.replay(*entries)
    assert (done.suppressions, done.bounces) == (0, 0)


def test_numbers_given_since_the_backup_are_never_given_again(bench: Bench) -> None:
    month, number = divmod(bench.house.mailing.dispatch_id, 1_000_000)
    of = {"dispatch_id": month * 1_000_000 + number + 40, "mailing_id": 0, "token": "t", "rows": []}
    bench.replay({"kind": "batch", "at": 0.0, **of})
    with bench.database.begin() as unit:
        last = unit.scalar("SELECT last FROM dispatch_counter WHERE month = :month", month=month)
    assert last == number + 140
