"""The web process, with its own keys and role and the whole database at hand, opens no address.

A process is started with exactly the environment that the supervisor gives the web process; it tries every function of
`broker.vault.open` with all that it holds (`front_intruder.py`). The same attempts with the workers' keys succeed.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from broker.kernel.actor import SYSTEM
from broker.kernel.database import UnitOfWork, make_engine
from broker.kernel.settings import KeySettings, Settings
from broker.operate.database_server import DatabaseServer
from broker.operate.migrate import migrate
from broker.operate.process_environment import process_environment
from broker.operate.roles import LOGIN_ROLES, drop_database, make_database
from broker.vault.blind_index import contact_keys, md5_keys, sha256_keys
from broker.vault.data_keys import current_data_key
from broker.vault.keyring import create_keys, load_front, load_worker
from broker.vault.open import OpeningReader, open_message, open_row
from broker.vault.seal import SealingWriter, seal_message, seal_rows
from tests.store.neighbour_rows import add, settle_in

ROOT = Path(__file__).parents[2]
ADDRESS = "unmistakable.canary@example.test"
PLAIN = json.dumps({"email": ADDRESS}).encode()


@dataclass(frozen=True)
class Loot:
    """What the intruder is given, and where it came from."""

    folder: Path
    keys: Path
    base: int
    contact: int

    @property
    def dump(self) -> Path:
        return self.folder / "dump.jsonl"

    @property
    def upload(self) -> Path:
        return self.folder / "upload.sealed"


@pytest.fixture(scope="module")
def own_database(database: DatabaseServer) -> Iterator[DatabaseServer]:
    """A database of this module's own on the tests' server: what other tests commit must not stand in the dump."""
    parts = {role: urlsplit(database.url(role)) for role in ("admin", *LOGIN_ROLES)}
    name = f"courtier_front_{os.getpid()}_{secrets.token_hex(3)}"
    maintenance = urlunsplit(parts["admin"]._replace(path="/postgres"))
    make_database(maintenance, name)
    try:
        server = DatabaseServer({role: urlunsplit(one._replace(path=f"/{name}")) for role, one in parts.items()})
        migrate(server.url("admin"), demo=True)
        yield server
    finally:
        drop_database(maintenance, name)


@pytest.fixture(scope="module")
def own_engine(own_database: DatabaseServer) -> Iterator[Engine]:
    engine = make_engine(own_database.url("admin"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def loot(own_engine: Engine, scratch: Path) -> Loot:
    """A database with one person sealed in every place that holds one, dumped; the rows are undone, the dump stays."""
    folder = scratch / "front"
    folder.mkdir(mode=0o755)
    keys = folder / "keys"
    create_keys(keys, "mail.courtier.test", "c2026")
    keys.chmod(0o755)  # the files' own modes must do
    (keys / "front.json").chmod(0o644)
    with own_engine.connect() as connection, connection.begin() as transaction:
        base, contact = seal_everywhere(connection, keys)
        found = Loot(folder, keys, base, contact)
        found.dump.write_text("".join(f"{line}\n" for line in dump(connection)))
        transaction.rollback()
    with found.upload.open("wb") as file, SealingWriter(load_front(keys), file, "upload|1") as writer:
        writer.write(f"email\n{ADDRESS}\n".encode())
    return found


def seal_everywhere(connection: Connection, keys: Path) -> tuple[int, int]:
    """One contact, one control address, one typed request and one returned mail, all of the same person."""
    worker = load_worker(keys)
    owner = settle_in(connection, "owner")
    base = add(connection, "base", org_id=owner.org_id, code=owner.code.replace("_", "-"), name="Shop")
    upload = add(connection, "upload", code=owner.code, base_id=base, kind="contacts", file_name="f.csv")
    run = add(connection, "import_run", code=owner.code, base_id=base, upload_id=upload, kind="contacts")
    unit = UnitOfWork(Session(connection, join_transaction_mode="create_savepoint"), SYSTEM)
    version, key = current_data_key(unit, worker, base)
    contact = 4_000_000_001
    add(
        connection,
        "contact",
        id=contact,
        base_id=base,
        contact_key=contact_keys(worker, [ADDRESS])[0],
        md5_key=md5_keys(worker, [ADDRESS])[0],
        sha256_key=sha256_keys(worker, [ADDRESS])[0],
        pepper_version=worker.pepper_version,
        key_version=version,
        sealed=seal_rows(key, base, version, [contact], [PLAIN])[0],
        import_id=run,
    )
    add(connection, "seed_address", org_id=owner.org_id, sealed=seal_message(worker.front, PLAIN, "seed"))
    add(connection, "typed_request", kind="objection", sealed=seal_message(worker.front, PLAIN, "request"))
    add(connection, "inbound", sealed=seal_message(worker.front, PLAIN, "inbound"))
    return base, contact


def dump(connection: Connection) -> list[str]:
    """Every row of every table of schema public, as JSON."""
    tables = connection.execute(
        text("SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
    ).scalars()
    rows: list[str] = []
    for table in tables:
        rows += connection.execute(text(f"SELECT to_jsonb(t)::text FROM {table} t LIMIT 1000")).scalars()
    return rows


@pytest.fixture(scope="module")
def told(loot: Loot, own_database: DatabaseServer) -> dict[str, Any]:
    """What the intruder reports, started as the supervisor starts the web process."""
    settings = dataclasses.replace(Settings(), keys=KeySettings(dir=str(loot.keys)))
    os.environ["COURTIER_WORKER_KEYS"] = worker_file = (loot.keys / "worker.json").read_text()
    try:
        environment = process_environment("web", settings, own_database)
    finally:
        del os.environ["COURTIER_WORKER_KEYS"]
    assert worker_file not in environment.values()
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/store/front_intruder.py"), str(loot.dump), str(loot.upload), str(loot.keys)],
        env={**environment, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_dump_holds_the_person_sealed_and_not_in_clear(loot: Loot) -> None:
    content = loot.dump.read_text()
    assert content.count('"sealed": "\\\\x') >= 4
    assert "canary" not in content
    assert b"canary" not in loot.upload.read_bytes()


def test_the_workers_keys_open_every_one_of_them(loot: Loot) -> None:
    """Without this, refusals below could come from rows that nobody can open."""
    worker = load_worker(loot.keys)
    rows = [json.loads(line) for line in loot.dump.read_text().splitlines()]
    (contact,) = [row for row in rows if row.get("id") == loot.contact and "md5_key" in row]
    (wrapped,) = [row for row in rows if row.get("wrapped") and row["base_id"] == loot.base]
    owner = next(row["org_id"] for row in rows if row.get("id") == loot.base and "contact_kind" in row)
    key = open_message(worker, bytes.fromhex(wrapped["wrapped"][2:]), f"data key|{owner}|{loot.base}|1")
    assert open_row(key, loot.base, 1, loot.contact, bytes.fromhex(contact["sealed"][2:])) == PLAIN
    with loot.upload.open("rb") as file:
        assert ADDRESS.encode() in OpeningReader(worker, file, "upload|1").readall()


def test_every_function_that_opens_was_tried(told: dict[str, Any]) -> None:
    openers = {"open_message", "unwrap_data_key", "open_row", "open_rows", "open_header", "OpeningReader"}
    assert set(told["openers"]) == openers <= set(told["tried"])


def test_nothing_opened(told: dict[str, Any]) -> None:
    for name in told["openers"]:
        assert set(told["tried"][name]) == {"unopenable_seal"}, name
        assert sum(told["tried"][name].values()) >= 9, name


def test_the_database_role_reads_no_sealed_column(told: dict[str, Any]) -> None:
    answers = {name: ended for name, ended in told["tried"].items() if name.startswith(("SELECT", "SET"))}
    assert len(answers) == 5
    assert all(ended == {"insufficient_privilege": 1} for ended in answers.values()), answers


def test_the_workers_keys_are_not_in_its_environment(told: dict[str, Any], loot: Loot) -> None:
    worker = json.loads((loot.keys / "worker.json").read_text())
    secrets = [worker["opening_key"], worker["noise_key"], *worker["peppers"].values(), *worker["dkim"].values()]
    handed = json.dumps(told["environment"])
    assert not [secret for secret in secrets if secret in handed]
    assert "COURTIER_WORKER_KEYS" not in told["environment"]
    assert not [name for name in told["environment"] if "WORKER" in name and "XDIST" not in name]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a process as another user, as the supervisor does")
def test_the_workers_file_is_unreadable_for_its_user(told: dict[str, Any]) -> None:
    assert told["uid"] != 0
    assert told["tried"]["read worker.json"] == {"permission_denied": 1}
    assert told["tried"]["load_worker"] == {"keys_unreadable": 1}
