"""kill -9 in the middle of an import, at every block: it goes on, no row is lost, none doubled; two at once wait."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.bases.model import ImportRun
from broker.operate.database_server import DatabaseServer
from tests.store.import_scene import Owner, make_owner

ROWS = 60_000
ROOT = Path(__file__).parents[2]


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    return make_owner(web_engine, worker_engine, admin_engine, tmp_path)


def start(database: DatabaseServer, owner: Owner, import_id: int, *more: str) -> subprocess.Popen[bytes]:
    state = str(owner.settings.state_dir)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.importer", database.url("worker"), state, str(import_id), *more], cwd=ROOT
    )


def contacts_file() -> str:
    filler = "x" * 240  # several blocks of a few megabytes
    rows = "".join(f"p{number}@boite.example;{filler}\n" for number in range(ROWS))
    return f"email;adresse\n{rows}p0@boite.example;x\nno address;x\n"


def kill_after_each_block(
    database: DatabaseServer, owner: Owner, run: ImportRun, *more: str, most: int = 2
) -> list[int]:
    """Kill the import whenever one more block is in, `most` times, then let it end; the rows in at each kill."""
    seen = [0]
    for _ in range(20):
        process = start(database, owner, run.id, *more)
        while process.poll() is None:
            state = owner.find(run)
            if len(seen) <= most and state.state == "reading" and state.rows_read > seen[-1]:
                helpers = children_of(process.pid)
                process.kill()
                process.wait()
                assert gone(helpers), "a helper outlived the import"
                seen.append(owner.find(run).rows_read)
                break
            time.sleep(0.02)
        else:
            assert process.returncode == 0
            return seen[1:]
    raise AssertionError("the import does not come forward")


def children_of(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not any(Path(f"/proc/{pid}").exists() and "Z" not in state_of(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


@pytest.mark.flow
@pytest.mark.parametrize("more", [(), ("lanes",)], ids=["one process", "several processes"])
def test_an_import_killed_after_each_block_goes_on_and_doubles_nothing(
    database: DatabaseServer, owner: Owner, more: tuple[str, ...]
) -> None:
    run = owner.upload(contacts_file())
    kills = kill_after_each_block(database, owner, run, *more)
    assert len(kills) >= 2, "the import was too quick to be killed"
    assert kills == sorted(set(kills)), "an import that was killed went back"
    done = owner.find(run)
    assert (done.state, done.rows_read, done.accepted, done.rejected, done.duplicates) == (
        "building", ROWS + 2, ROWS, 1, 1
    )  # fmt: skip
    assert done.outcome == {}, "rows of this very import were taken for known people"
    assert done.summary["reasons"] == {"invalid_email": 1}
    assert owner.all("SELECT resumed FROM import_progress WHERE import_id = :id", id=run.id) == [(len(kills),)]
    assert owner.all("SELECT count(*), count(DISTINCT contact_key) FROM contact WHERE base_id = :base") == [
        (ROWS, ROWS)
    ]
    assert len(owner.rejects(run)) == 1
    staged = owner.staged(run)
    assert len({row["contact_id"] for row in staged}) == len(staged) == ROWS
    assert [path.suffix for path in owner.staging.iterdir()] == [".parquet"]
    assert not list((owner.settings.state_dir / "uploads").iterdir())


@pytest.mark.flow
def test_purchases_killed_after_each_block_are_counted_once(database: DatabaseServer, owner: Owner) -> None:
    owner.bring("email\na@boite.example\n")
    # Each sale twice: equal lines of one day are two sales, however often the worker dies.
    rows = "".join(
        f"a@boite.example;2024-01-{number % 28 + 1:02};{number // 2}.50;{'x' * 150}\n" for number in range(ROWS)
    )
    run = owner.upload(f"email;date;montant;produit\n{rows}b@boite.example;2024-01-01;1;x\n", "purchases")
    kills = kill_after_each_block(database, owner, run)
    assert kills, "the import was too quick to be killed"
    done = owner.find(run)
    assert (done.state, done.rows_read, done.accepted, done.rejected, done.duplicates) == (
        "building", ROWS + 1, ROWS, 1, 0
    )  # fmt: skip
    assert owner.all("SELECT count(*) FROM purchase WHERE base_id = :base") == [(ROWS,)]


@pytest.mark.flow
def test_a_worker_that_finds_its_staged_rows_gone_begins_anew(database: DatabaseServer, owner: Owner) -> None:
    run = owner.upload(contacts_file())
    process = start(database, owner, run.id)
    while process.poll() is None and not owner.find(run).rows_read:
        time.sleep(0.01)
    process.kill()
    process.wait()
    for path in owner.staging.iterdir():
        path.unlink()
    assert start(database, owner, run.id).wait() == 0
    done = owner.find(run)
    assert (done.state, done.rows_read, done.accepted, done.rejected, done.duplicates) == (
        "building", ROWS + 2, ROWS, 1, 1
    )  # fmt: skip
    assert owner.all("SELECT count(*) FROM contact WHERE base_id = :base") == [(ROWS,)]
    assert len(owner.staged(run)) == ROWS


@pytest.mark.flow
def test_two_imports_of_one_base_at_once_wait_for_each_other(database: DatabaseServer, owner: Owner) -> None:
    half = ROWS // 2
    first = owner.upload("email\n" + "".join(f"p{number}@boite.example\n" for number in range(ROWS)))
    second = owner.upload("email\n" + "".join(f"p{number}@boite.example\n" for number in range(half, ROWS + half)))
    processes = [start(database, owner, first.id), start(database, owner, second.id, "lanes")]
    assert [process.wait() for process in processes] == [0, 0]
    done = [owner.find(first), owner.find(second)]
    assert [(run.state, run.rows_read, run.accepted) for run in done] == [("building", ROWS, ROWS)] * 2
    # Whichever came second found the half that both have.
    assert sorted(run.outcome.get("known", 0) for run in done) == [0, half]
    assert owner.all("SELECT count(*), count(DISTINCT contact_key) FROM contact WHERE base_id = :base") == [
        (ROWS + half, ROWS + half)
    ]
