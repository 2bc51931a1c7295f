"""Data keys in the database: made once, bound to their base, wrapped anew without a row being touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from broker.kernel.actor import SYSTEM, Actor
from broker.kernel.database import UnitOfWork, identify
from broker.kernel.errors import Conflict, Forbidden, IntegrityFault, NotFound
from broker.vault.data_keys import add_data_key, current_data_key, data_key
from broker.vault.keyring import create_keys, load_front, load_worker
from broker.vault.open import open_message, open_row
from broker.vault.rotate import renew_opening_key, rewrap_data_keys
from broker.vault.seal import seal_message, seal_rows
from tests.store.neighbour_rows import add, settle_in
from tests.unit.rings import worker_ring

WORKER = worker_ring()


@pytest.fixture
def unit(connection: Connection) -> Iterator[UnitOfWork]:
    """A worker's unit, undone after the test."""
    session = Session(connection, join_transaction_mode="create_savepoint")
    identify(session, SYSTEM)
    yield UnitOfWork(session, SYSTEM)
    session.close()


@pytest.fixture
def bases(connection: Connection) -> tuple[int, int]:
    """Two bases of two owners."""
    made = []
    for _ in range(2):
        owner = settle_in(connection, "owner")
        made.append(add(connection, "base", org_id=owner.org_id, code=owner.code.replace("_", "-"), name="x"))
    return made[0], made[1]


def test_a_key_is_made_at_the_first_need_and_kept(unit: UnitOfWork, bases: tuple[int, int]) -> None:
    version, key = current_data_key(unit, WORKER, bases[0])
    assert (version, len(key)) == (1, 32)
    assert current_data_key(unit, WORKER, bases[0]) == (1, key)
    assert data_key(unit, WORKER, bases[0], 1) == key
    assert current_data_key(unit, WORKER, bases[1])[1] != key


def test_a_later_version_seals_and_the_earlier_still_opens(unit: UnitOfWork, bases: tuple[int, int]) -> None:
    _, first = current_data_key(unit, WORKER, bases[0])
    _, second = add_data_key(unit, WORKER, bases[0], version=2)
    assert current_data_key(unit, WORKER, bases[0]) == (2, second)
    assert data_key(unit, WORKER, bases[0], 1) == first != second


def test_who_comes_second_takes_the_key_that_is_there(unit: UnitOfWork, bases: tuple[int, int]) -> None:
    _, first = add_data_key(unit, WORKER, bases[0], version=1)
    assert add_data_key(unit, WORKER, bases[0], version=1) == (1, first)


def test_the_bare_key_is_not_stored(unit: UnitOfWork, bases: tuple[int, int]) -> None:
    _, key = current_data_key(unit, WORKER, bases[0])
    row = unit.one("SELECT wrapped, suite FROM data_key WHERE base_id = :base", base=bases[0])
    assert row is not None
    assert key not in bytes(row.wrapped)
    assert row.suite == "x25519-hkdf-sha256-aes-256-gcm"


def test_a_key_moved_to_a_neighbours_base_does_not_open(unit: UnitOfWork, bases: tuple[int, int]) -> None:
    for base in bases:
        current_data_key(unit, WORKER, base)
    unit.run(
        "UPDATE data_key SET wrapped = (SELECT wrapped FROM data_key WHERE base_id = :a) WHERE base_id = :b",
        a=bases[0],
        b=bases[1],
    )
    with pytest.raises(IntegrityFault):
        current_data_key(unit, WORKER, bases[1])


def test_a_base_that_changed_hands_in_the_table_does_not_open(unit: UnitOfWork, bases: tuple[int, int]) -> None:
    current_data_key(unit, WORKER, bases[0])
    unit.run("UPDATE base SET org_id = (SELECT org_id FROM base WHERE id = :b) WHERE id = :a", a=bases[0], b=bases[1])
    with pytest.raises(IntegrityFault):
        current_data_key(unit, WORKER, bases[0])


def test_missing_ones_are_named(unit: UnitOfWork, bases: tuple[int, int]) -> None:
    with pytest.raises(IntegrityFault) as refusal:
        data_key(unit, WORKER, bases[0], 7)
    assert refusal.value.code == "data_key_missing"
    with pytest.raises(NotFound):
        current_data_key(unit, WORKER, 2**60)


def test_a_rotation_wraps_keys_anew_and_leaves_rows_alone(
    unit: UnitOfWork, bases: tuple[int, int], tmp_path: Path
) -> None:
    create_keys(tmp_path, "mail.courtier.test", "c2026")
    old = load_worker(tmp_path)
    unit.run("DELETE FROM data_key")
    keys = [current_data_key(unit, old, base)[1] for base in bases]
    (row,) = seal_rows(keys[0], bases[0], 1, [7], [b"someone"])
    message = seal_message(old.front, b"uploaded before", "x")
    files = json.loads((tmp_path / "worker.json").read_text())

    new = renew_opening_key(tmp_path)
    assert rewrap_data_keys(unit, new) == 2
    assert rewrap_data_keys(unit, new) == 0

    assert [current_data_key(unit, new, base)[1] for base in bases] == keys
    assert open_row(current_data_key(unit, new, bases[0])[1], bases[0], 1, 7, row) == b"someone"
    assert open_message(new, message, "x") == b"uploaded before"
    assert open_message(new, seal_message(load_front(tmp_path), b"after", "x"), "x") == b"after"
    with pytest.raises(IntegrityFault) as refusal:
        current_data_key(unit, old, bases[0])
    assert refusal.value.code == "unknown_key"
    kept = json.loads((tmp_path / "worker.json").read_text())
    assert {name: kept[name] for name in ("peppers", "noise_key", "dkim")} == {
        name: files[name] for name in ("peppers", "noise_key", "dkim")
    }
    assert kept["former_keys"] == [files["opening_key"]]
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("front.json", "worker.json")] == [0o600, 0o600]


def test_a_rotation_that_broke_off_between_the_files_still_opens(tmp_path: Path) -> None:
    create_keys(tmp_path, "mail.courtier.test", "c2026")
    front = (tmp_path / "front.json").read_bytes()
    renew_opening_key(tmp_path)
    (tmp_path / "front.json").write_bytes(front)
    ring = load_worker(tmp_path)
    assert open_message(ring, seal_message(ring.front, b"text", "x"), "x") == b"text"


def test_keys_from_the_environment_are_not_rotated_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_keys(tmp_path, "mail.courtier.test", "c2026")
    monkeypatch.setenv("COURTIER_FRONT_KEYS", (tmp_path / "front.json").read_text())
    with pytest.raises(Conflict) as refusal:
        renew_opening_key(tmp_path)
    assert refusal.value.code == "keys_from_environment"


def test_only_the_operator_wraps_keys(unit: UnitOfWork) -> None:
    with pytest.raises(Forbidden):
        rewrap_data_keys(UnitOfWork(unit.session, Actor("owner", 1, 1)), WORKER)
