"""kill -9 in the middle of an import, then again from the start: no row is lost, none doubled."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.operate.database_server import DatabaseServer
from tests.store.import_scene import Owner, make_owner

ROWS = 60_000
ROOT = Path(__file__).parents[2]


@pytest.fixture
def owner(web_engine: Engine, worker_engine: Engine, admin_engine: Engine, tmp_path: Path) -> Owner:
    return make_owner(web_engine, worker_engine, admin_engine, tmp_path)


def start(database: DatabaseServer, owner: Owner, import_id: int) -> subprocess.Popen[bytes]:
    state = str(owner.settings.state_dir)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.flows.importer", database.url("worker"), state, str(import_id)], cwd=ROOT
    )


@pytest.mark.flow
def test_a_killed_import_arrives_at_the_same_rows(database: DatabaseServer, owner: Owner) -> None:
    filler = "x" * 240  # several blocks of a few megabytes
    rows = "".join(f"p{number}@boite.example;{filler}\n" for number in range(ROWS))
    run = owner.upload(f"email;adresse\n{rows}p0@boite.example;x\nno address;x\n")
    kills = 0
    for _ in range(3):
        process = start(database, owner, run.id)
        while process.poll() is None:
            state = owner.find(run)
            if state.state == "reading" and 0 < state.rows_read < ROWS:
                process.kill()
                process.wait()
                kills += 1
                break
            time.sleep(0.01)
        if owner.find(run).state != "reading":
            break
    assert kills > 0, "the import was too quick to be killed"
    if owner.find(run).state == "reading":
        assert start(database, owner, run.id).wait() == 0
    done = owner.find(run)
    assert (done.state, done.rows_read, done.accepted, done.rejected, done.duplicates) == (
        "building", ROWS + 2, ROWS, 1, 1
    )  # fmt: skip
    assert owner.all("SELECT count(*), count(DISTINCT contact_key) FROM contact WHERE base_id = :base") == [
        (ROWS, ROWS)
    ]
    assert len(owner.rejects(run)) == 1
    staged = owner.staged(run)
    assert len({row["contact_id"] for row in staged}) == len(staged) == ROWS
    assert [path.suffix for path in owner.staging.iterdir()] == [".parquet"]
    assert not list((owner.settings.state_dir / "uploads").iterdir())
