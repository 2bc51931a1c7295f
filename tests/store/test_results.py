"""Results return to the owner by its own reference; objections go to the advertiser as hashes; nobody else reads."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from sqlalchemy import Engine

from broker.feedback.collect_results import collect_results, forget_results
from broker.feedback.leave import leave
from broker.feedback.list_results import list_objections, list_results, result_rows, sum_results
from broker.feedback.model import Scope
from broker.kernel.actor import PUBLIC, Actor
from broker.kernel.database import Database
from broker.kernel.errors import Forbidden, InvalidInput
from broker.kernel.settings import ResultSettings, Settings
from broker.vault.tokens import TokenRef
from tests.store.feedback_scene import Scene, make_scene
from tests.store.sealed_people import seal_people
from tests.unit.rings import worker_ring

WORKER = worker_ring()
SETTINGS = Settings()


@pytest.fixture
def worker(worker_engine: Engine) -> Database:
    return Database(worker_engine)


@pytest.fixture
def scene(admin_engine: Engine, worker: Database) -> Scene:
    scene = make_scene(admin_engine)
    seal_people(scene, worker, WORKER, 6)
    return scene


def owner_of(scene: Scene) -> Actor:
    ((org,),) = scene.all("SELECT org_id FROM base WHERE id = :id", id=scene.base_id)
    assert isinstance(org, int)
    return Actor("owner", org, None)


def happen(scene: Scene, public: Engine) -> None:
    """1 clicked twice, 2 bounced hard, 3 complained, 4 left the advertiser, 5 left the base; 6 was scanned."""
    scene.change(
        "INSERT INTO hit (dispatch_id, mailing_id, position, link, verdict)"
        " VALUES (:dispatch, :mailing, 1, 1, 'human'), (:dispatch, :mailing, 1, 2, 'human'),"
        " (:dispatch, :mailing, 6, 1, 'scanner')"
    )
    scene.change("UPDATE send SET bounced_at = app_now() WHERE dispatch_id = :dispatch AND position = 2")
    scene.change(
        "INSERT INTO inbound (kind, verdict, status, reason, dispatch_id, mailing_id, position, read_at) VALUES"
        " ('bounce', 'hard', '5.1.1', 'user_unknown', :dispatch, :mailing, 2, app_now()),"
        " ('complaint', 'none', NULL, 'abuse', :dispatch, :mailing, 3, app_now())"
    )
    scopes: tuple[tuple[int, Scope], ...] = ((4, "advertiser"), (5, "base"))
    for position, scope in scopes:
        with Database(public).begin(PUBLIC) as unit:
            leave(unit, TokenRef(scene.dispatch_id, scene.mailing_id, position, 0), scope)


def told(database: Database, actor: Actor) -> set[tuple[str, str, str]]:
    with database.begin(actor) as unit:
        return {(one.kind, one.reference, one.detail) for one in list_results(unit)}


def test_an_owner_reads_what_became_of_its_contacts_by_its_own_references(
    scene: Scene, worker: Database, web_engine: Engine, public_engine: Engine
) -> None:
    happen(scene, public_engine)
    web, owner = Database(web_engine), owner_of(scene)
    assert collect_results(worker, WORKER, SETTINGS, scene.base_id) == 5
    assert told(web, owner) == {
        ("clicked", "C-1", ""),
        ("bounced", "C-2", "hard user_unknown 5.1.1"),
        ("complained", "C-3", "abuse"),
        ("left", "C-4", "advertiser"),
        ("left", "C-5", "base"),
    }
    assert collect_results(worker, WORKER, SETTINGS, scene.base_id) == 0
    scene.change("UPDATE mailing SET ended_at = app_now() WHERE id = :mailing")
    assert collect_results(worker, WORKER, SETTINGS, scene.base_id) == 6
    assert collect_results(worker, WORKER, SETTINGS, scene.base_id) == 0
    with web.begin(owner) as unit:
        (summed,) = sum_results(unit)
        assert (summed.sent, summed.bounced, summed.clicked, summed.left, summed.complained) == (6, 1, 1, 2, 1)
        first = list_results(unit, most=4)
        assert len(first) == 4
        rest = list_results(unit, after=first[-1].id)
        assert {one.id for one in first} & {one.id for one in rest} == set()
        assert len(first) + len(rest) == 11
        with pytest.raises(InvalidInput, match="kind"):
            list_results(unit, kind="opened")
    assert len(list(result_rows(web, owner, kind="left"))) == 2
    ((facts,),) = scene.all(
        "SELECT facts ->> 'left' FROM notification_event WHERE org_id = :org AND kind = 'results.ready' ORDER BY id"
        " LIMIT 1",
        org=owner.org,
    )
    assert facts == "2"


def test_objections_to_an_advertiser_reach_it_as_hashes_alone(
    scene: Scene, worker: Database, web_engine: Engine, public_engine: Engine
) -> None:
    happen(scene, public_engine)
    for _ in range(2):
        collect_results(worker, WORKER, SETTINGS, scene.base_id)
    web, advertiser = Database(web_engine), Actor("advertiser", scene.advertiser_id, None)
    with web.begin(advertiser) as unit:
        (one,) = list_objections(unit)
        assert one.sha256 == hashlib.sha256(b"p4@boite.example").hexdigest()
        assert one.md5 == hashlib.md5(b"p4@boite.example", usedforsecurity=False).hexdigest()
        with pytest.raises(Forbidden):
            list_results(unit)
        assert unit.scalar("SELECT count(*) FROM owner_result") == 0
    with web.begin(owner_of(scene)) as unit:
        with pytest.raises(Forbidden):
            list_objections(unit)
        assert unit.scalar("SELECT count(*) FROM objection_hash") == 0


def test_who_is_erased_is_told_of_no_more_and_old_results_are_forgotten(
    scene: Scene, worker: Database, web_engine: Engine, public_engine: Engine
) -> None:
    happen(scene, public_engine)
    collect_results(worker, WORKER, SETTINGS, scene.base_id)
    web, owner = Database(web_engine), owner_of(scene)
    scene.change("DELETE FROM contact WHERE base_id = :base AND contact_key = :key", base=scene.base_id,
                 key=scene.key(1))  # fmt: skip
    assert "C-1" not in {reference for _, reference, _ in told(web, owner)}
    collect_results(worker, WORKER, SETTINGS, scene.base_id)
    assert "C-1" not in {reference for _, reference, _ in told(web, owner)}
    scene.change("UPDATE owner_result SET at = app_now() - interval '2 days' WHERE base_id = :base", base=scene.base_id)
    with worker.begin() as unit:
        forget_results(unit, dataclasses.replace(SETTINGS, results=ResultSettings(keep_days=1)))
    assert told(web, owner) == set()


def test_another_owners_mailing_tells_only_that_the_person_left(
    scene: Scene, worker: Database, web_engine: Engine, admin_engine: Engine, public_engine: Engine
) -> None:
    other = make_scene(admin_engine, sends=1)
    other.change("UPDATE send SET contact_key = :key WHERE dispatch_id = :dispatch", key=scene.key(2))
    for scope in ("advertiser", "base", "everywhere"):
        with Database(public_engine).begin(PUBLIC) as unit:
            leave(unit, TokenRef(other.dispatch_id, other.mailing_id, 1, 0), scope)
    collect_results(worker, WORKER, SETTINGS, scene.base_id)
    with Database(web_engine).begin(owner_of(scene)) as unit:
        assert [(one.kind, one.detail, one.mailing) for one in list_results(unit)] == [("left", "everywhere", "")]
