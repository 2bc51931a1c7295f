"""The audience process as it runs: counts over its socket, is killed, hangs, comes back, ends in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine

from broker.audience import client as client_module
from broker.audience.build_snapshot import build_snapshot
from broker.audience.client import AudienceClient
from broker.audience.parse import parse_rule
from broker.kernel.database import Database
from broker.kernel.errors import InvalidInput, Unavailable
from broker.kernel.settings import InstanceSettings, Settings
from broker.operate.database_server import DatabaseServer
from broker.vault.keyring import create_keys, load_worker
from tests.store.audience_people import (
    make_base,
    make_import,
    make_organisation,
    make_partner_list,
    person,
    write_staging,
)

pytestmark = pytest.mark.flow
START = """
from broker.kernel.settings import load_settings
from broker.operate.processes.audience import run
run(load_settings())
"""


@dataclass
class Running:
    """The process, its client, and a base of 1,000 people."""

    environment: dict[str, str]
    client: AudienceClient
    base: int
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", START], env=self.environment)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                self.count()
                return
            except Unavailable:
                assert self.process.poll() is None, "the process ended at its start"
                time.sleep(0.1)
        raise AssertionError("the audience process did not start")

    def signal(self, sign: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(sign)

    def count(self, text: str = "all") -> int:
        return int(self.client.count_for_owner(self.base, parse_rule(text))["rentable"])


@pytest.fixture
def running(database: DatabaseServer, worker_engine: Engine, scratch: Path, tmp_path: Path) -> Iterator[Running]:
    state = scratch / f"audience-{time.monotonic_ns()}"
    worker = Database(worker_engine)
    with worker.begin() as unit:
        base = make_base(unit, make_organisation(unit, "owner"))
        make_partner_list(unit, base, 1, [])
        import_id = make_import(unit, base)
        today = unit.today
    create_keys(tmp_path / "keys", "mail.example.test", "s1")
    first = base * 1_000_000
    write_staging(state / "staging" / f"{import_id}.parquet", (person(first + n, today) for n in range(1_000)))
    settings = Settings(instance=InstanceSettings(state_dir=str(state)))
    build_snapshot(worker, load_worker(tmp_path / "keys"), settings, import_id)
    config = tmp_path / "courtier.toml"
    config.write_text(f'[instance]\nstate_dir = "{state}"\n[audience]\nmemory_mb = 256\nthreads = 1\n')
    environment = {
        **os.environ,
        "COURTIER_CONFIG": str(config),
        "COURTIER_DATABASE_URL": database.url("worker"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    made = Running(environment, AudienceClient(state / "run" / "audience.sock"), base)
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
    if made.process is not None:
        made.process.wait(30)


def test_it_counts_refuses_with_sentences_and_ends_in_order(running: Running) -> None:
    assert running.count() == 1_000
    assert running.count("gender = F") + running.count("not gender = F") == 1_000
    with pytest.raises(InvalidInput) as caught:
        running.count("gendr = F")
    assert caught.value.code == "unknown_field"
    assert caught.value.details["nearest"][0] == "gender"
    running.signal(signal.SIGTERM)
    assert running.process is not None
    assert running.process.wait(30) == 0
    assert not running.client.socket_path.exists()


def test_killed_it_is_unavailable_at_once_and_back_after_a_restart(running: Running) -> None:
    running.signal(signal.SIGKILL)
    assert running.process is not None
    running.process.wait(30)
    with pytest.raises(Unavailable, match="does not answer"):
        running.count()
    running.start()
    assert running.count() == 1_000


def test_hung_it_is_unavailable_within_seconds(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "HEARD_SECONDS", 1.0)
    running.signal(signal.SIGSTOP)
    with pytest.raises(Unavailable):
        running.count()
    running.signal(signal.SIGCONT)
    monkeypatch.undo()
    assert running.count() == 1_000
