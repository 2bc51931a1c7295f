"""The front's journal: nothing answered is lost, nothing is counted twice, nothing stays behind in the file."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from broker.feedback import store
from broker.feedback.drain import Drain
from broker.feedback.journal import Journal
from broker.kernel.actor import PUBLIC
from broker.kernel.database import Database
from broker.vault.tokens import TokenRef
from tests.store.feedback_scene import Scene, make_scene


@pytest.fixture
def public(public_engine: Engine) -> Database:
    return Database(public_engine)


@pytest.fixture(scope="module")
def scene(admin_engine: Engine) -> Scene:
    return make_scene(admin_engine, sends=12)


@pytest.fixture(autouse=True)
def no_hits(scene: Scene) -> Iterator[None]:
    yield
    scene.change("DELETE FROM hit WHERE mailing_id = :mailing")


def ref(scene: Scene, position: int, link: int = 1) -> TokenRef:
    return TokenRef(scene.dispatch_id, scene.mailing_id, position, link)


def click(journal: Journal, scene: Scene, position: int, agent: str = "Firefox", ip: str = "203.0.113.9") -> None:
    journal.keep_hit(ref(scene, position), ip=ip, agent=agent, manner="get")


def kept(scene: Scene) -> list[int]:
    rows = scene.all("SELECT position FROM hit WHERE mailing_id = :mailing ORDER BY id")
    return [int(str(position)) for (position,) in rows]


def drain_all(drain: Drain) -> None:
    while drain.drain():
        pass


def test_lines_reach_the_database_once_and_leave_nothing_in_the_file(
    scene: Scene, public: Database, tmp_path: Path
) -> None:
    journal = Journal(tmp_path)
    drain = Drain(public, journal)
    for position in (1, 2, 3):
        click(journal, scene, position)
    assert journal.path is not None
    assert journal.path.stat().st_mode & 0o777 == 0o600
    drain_all(drain)
    drain_all(drain)
    assert kept(scene) == [1, 2, 3]
    assert set(journal.path.read_bytes()) == {ord("\n")}
    rows = scene.all("SELECT host(ip), user_agent, manner, at <= app_now() FROM hit WHERE mailing_id = :mailing")
    assert set(rows) == {("203.0.113.9", "Firefox", "get", True)}


def test_what_was_taken_is_not_taken_again_by_whoever_has_forgotten_it(
    scene: Scene, public: Database, tmp_path: Path
) -> None:
    """The process died after the commit and before it overwrote the lines: another finds them whole."""
    journal = Journal(tmp_path)
    click(journal, scene, 1)
    assert journal.path is not None
    before = journal.path.read_bytes()
    drain_all(Drain(public, journal))
    with journal.path.open("r+b") as file:
        file.write(before)
    click(journal, scene, 2)
    drain_all(Drain(public, journal))
    assert kept(scene) == [1, 2]


def test_the_journal_of_a_dead_process_is_finished_and_removed_by_another(
    scene: Scene, public: Database, tmp_path: Path
) -> None:
    dead, living = Journal(tmp_path), Journal(tmp_path)
    for position in range(1, 11):
        click(dead, scene, position)
    left = dead.path
    click(living, scene, 11)
    drain = Drain(public, living)
    drain_all(drain)
    assert sorted(kept(scene)) == [11]  # the other one holds its lock
    dead.close()
    drain_all(drain)
    assert sorted(kept(scene)) == list(range(1, 12))
    assert left is not None
    assert not left.exists()


def test_a_full_journal_goes_on_in_a_new_file_and_loses_nothing(scene: Scene, public: Database, tmp_path: Path) -> None:
    journal = Journal(tmp_path, largest=250)
    drain = Drain(public, journal)
    for position in range(1, 13):
        click(journal, scene, position)
    assert len(list(tmp_path.iterdir())) > 2
    drain_all(drain)
    assert sorted(kept(scene)) == list(range(1, 13))
    assert list(tmp_path.iterdir()) == [journal.path]


def test_a_line_that_was_cut_short_spoils_no_other(scene: Scene, public: Database, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    click(journal, scene, 1)
    journal.append(b"\nh\t17\t2026")  # a full disk
    click(journal, scene, 2)
    journal.append(b"\0" * 64)  # a power cut
    click(journal, scene, 3)
    drain_all(Drain(public, journal))
    assert kept(scene) == [1, 2, 3]


def test_a_wish_to_leave_takes_effect_and_again_is_the_same(scene: Scene, public: Database, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for _ in range(2):
        journal.keep_leaving(ref(scene, 5), "base")
    journal.keep_leaving(ref(scene, 5), "everywhere")
    drain_all(Drain(public, journal))
    assert scene.suppressions(5) == [("base", scene.base_id, 0, "opt_out"), ("everywhere", 0, 0, "opt_out")]


def test_a_click_on_no_link_of_the_creative_is_not_kept(scene: Scene, public: Database, tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.keep_hit(ref(scene, 1, 99), ip="", agent="x", manner="get")
    journal.keep_hit(TokenRef(1, scene.mailing_id, 1, 1), ip="", agent="x", manner="get")
    click(journal, scene, 4, ip="no address")
    drain_all(Drain(public, journal))
    assert kept(scene) == [4]
    assert scene.all("SELECT ip FROM hit WHERE mailing_id = :mailing") == [(None,)]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(agent=st.text(max_size=500), raw=st.binary(max_size=80))
def test_nothing_in_a_journal_stops_what_stands_after_it(
    scene: Scene, public: Database, tmp_path: Path, agent: str, raw: bytes
) -> None:
    journal = Journal(tmp_path / uuid.uuid4().hex)
    click(journal, scene, 1, agent=agent)
    journal.append(raw)
    click(journal, scene, 2)
    drain_all(Drain(public, journal))
    assert kept(scene)[0] == 1
    assert kept(scene)[-1] == 2
    scene.change("DELETE FROM hit WHERE mailing_id = :mailing")


def test_the_function_takes_no_bytes_twice(scene: Scene, public: Database) -> None:
    number = uuid.uuid4()
    line = f"h\t1\t{scene.dispatch_id}\t{scene.mailing_id}\t1\t1\tget\t\tFirefox"
    places = []
    for start, end in ((0, 100), (0, 100), (50, 150), (100, 200)):
        with public.begin(PUBLIC) as unit:
            places.append(store.record_hits(unit, number, start, end, 2, line))
    assert places == [100, 100, 100, 200]
    assert kept(scene) == [1, 1]


def test_a_journal_on_a_full_disk_says_so(tmp_path: Path, scene: Scene) -> None:
    journal = Journal(tmp_path)
    full = os.open("/dev/full", os.O_WRONLY)
    click(journal, scene, 1)
    os.dup2(full, journal._handle)
    os.close(full)
    with pytest.raises(OSError, match="No space"):
        click(journal, scene, 2)
