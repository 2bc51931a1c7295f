"""Recipients are drawn on the eve of the start, however long ago the mailing was planned."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broker.kernel.errors import Conflict
from broker.mailings.find_mailing import find_mailing
from broker.mailings.model import Mailing
from broker.mailings.start import start_mailing
from broker.operate.jobs.job_store import enqueue_what_is_due
from tests.store.audience_people import key_of
from tests.store.test_mailings import PEOPLE, VOLUME, Scene, scene

__all__ = ["scene"]


def put(scene: Scene, mailing: Mailing, ahead: timedelta) -> None:
    """Let a mailing start so long from now; no job waits for it."""
    with scene.worker.begin() as unit:
        unit.run("UPDATE mailing SET starts_at = app_now() + :ahead WHERE id = :id", id=mailing.id, ahead=ahead)
        unit.run("SET LOCAL search_path = public, jobs")
        unit.run(
            "DELETE FROM jobs.procrastinate_jobs WHERE task_name = 'freeze_mailing'"
            " AND (args ->> 'row_id')::bigint = :id",
            id=mailing.id,
        )


def asked(scene: Scene, mailing: Mailing) -> int:
    """How many jobs want to freeze it, after a sweep."""
    with scene.worker.begin() as unit:
        enqueue_what_is_due(unit, scene.settings.trade.freeze_hours)
        count: int = unit.scalar(
            "SELECT count(*) FROM jobs.procrastinate_jobs WHERE task_name = 'freeze_mailing'"
            " AND (args ->> 'row_id')::bigint = :id",
            id=mailing.id,
        )
    return count


def suppress(scene: Scene, *numbers: int) -> None:
    with scene.worker.begin() as unit:
        unit.run_many(
            "INSERT INTO suppression (contact_key, pepper_version, scope, base_id, advertiser_id, reason)"
            " VALUES (:key, 1, 'advertiser', 0, :advertiser, 'objection')",
            [{"key": key_of(scene.first + one), "advertiser": scene.advertiser.org_id} for one in numbers],
        )


def test_weeks_ahead_nobody_is_drawn_and_who_is_suppressed_meanwhile_is_left_out(scene: Scene) -> None:
    mailing = scene.planned()
    put(scene, mailing, timedelta(days=10))
    assert asked(scene, mailing) == 0
    assert scene.freeze(mailing).state == "planned"  # a job that comes too early does nothing
    assert scene.rows(mailing) == []
    suppress(scene, *range(PEOPLE - VOLUME + 1))
    put(scene, mailing, timedelta(hours=23, minutes=59))
    assert asked(scene, mailing) == 1
    frozen = scene.freeze(mailing)
    assert frozen.state == "frozen"
    drawn = {row[1] for row in scene.rows(mailing)}
    assert len(drawn) == VOLUME - 1
    assert not drawn & {key_of(scene.first + number) for number in range(PEOPLE - VOLUME + 1)}


def test_what_is_planned_can_be_started_at_once_and_what_was_cancelled_cannot(scene: Scene) -> None:
    mailing = scene.planned()
    put(scene, mailing, timedelta(days=10))
    with scene.worker.begin() as unit:
        start_mailing(unit, mailing.code)
    assert scene.freeze(mailing).state == "frozen"
    with scene.worker.begin() as unit:
        unit.run("UPDATE mailing SET state = 'cancelled' WHERE id = :id", id=mailing.id)
    with scene.worker.begin() as unit, pytest.raises(Conflict, match="planned or frozen"):
        start_mailing(unit, find_mailing(unit, mailing.code).code)


def test_nobody_is_drawn_while_a_party_is_frozen_on_suspicion(scene: Scene) -> None:
    mailing = scene.planned()
    put(scene, mailing, timedelta(hours=1))
    with scene.worker.begin() as unit:
        unit.run(
            "INSERT INTO org_freeze (code, org_id, reason) VALUES ('frz_late', :org, 'cards of several names')",
            org=scene.advertiser.org_id,
        )
    assert asked(scene, mailing) == 0
    assert scene.freeze(mailing).state == "planned"
    assert scene.rows(mailing) == []
    with scene.worker.begin() as unit:
        unit.run("UPDATE org_freeze SET ended_at = app_now() WHERE code = 'frz_late'")
    assert asked(scene, mailing) == 1
    assert scene.freeze(mailing).state == "frozen"
