"""Key files: private, never overwritten, refused with the field's name and without its value."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from broker.kernel.errors import Conflict, IntegrityFault, SettingsError
from broker.vault.current_ring import CurrentRing
from broker.vault.keyring import create_keys, load_front, load_worker
from broker.vault.open import open_message
from broker.vault.rotate import renew_opening_key
from broker.vault.seal import seal_message

DOMAIN, SELECTOR = "mail.courtier.test", "c2026"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fresh pair of key files."""
    folder = tmp_path_factory.mktemp("keys") / "keys"
    create_keys(folder, DOMAIN, SELECTOR)
    return folder


@pytest.fixture
def key_dir(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it that the test may spoil; the environment holds no keys."""
    monkeypatch.delenv("COURTIER_FRONT_KEYS", raising=False)
    monkeypatch.delenv("COURTIER_WORKER_KEYS", raising=False)
    for name in ("front.json", "worker.json"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    return tmp_path


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_both_files_are_private(made: Path) -> None:
    assert made.stat().st_mode & 0o777 == 0o700
    assert [(made / name).stat().st_mode & 0o777 for name in ("front.json", "worker.json")] == [0o600, 0o600]
    assert sorted(path.name for path in made.iterdir()) == ["front.json", "worker.json"]


def test_what_the_front_seals_the_worker_opens(key_dir: Path) -> None:
    worker = load_worker(key_dir)
    assert open_message(worker, seal_message(load_front(key_dir), b"text", "x"), "x") == b"text"
    assert set(worker.peppers) == {worker.pepper_version} == {1}
    assert len(worker.noise_key) == 32
    key = load_pem_private_key(worker.dkim[f"{DOMAIN}:{SELECTOR}"].encode(), None)
    assert key.key_size == 2048


def test_the_front_file_holds_no_opening_key(key_dir: Path) -> None:
    front, worker = (json.loads((key_dir / name).read_text()) for name in ("front.json", "worker.json"))
    assert front.keys() == {"sealing_key", "token_keys", "token_version"}
    secrets = [worker["opening_key"], worker["noise_key"], *worker["peppers"].values(), *worker["dkim"].values()]
    assert not [secret for secret in secrets if secret in (key_dir / "front.json").read_text()]


def test_existing_files_are_never_overwritten(key_dir: Path) -> None:
    before = [(key_dir / name).read_bytes() for name in ("front.json", "worker.json")]
    create_keys(key_dir, "another.test", "s")
    assert [(key_dir / name).read_bytes() for name in ("front.json", "worker.json")] == before


@pytest.mark.parametrize("lost", ["front.json", "worker.json"])
def test_half_a_pair_is_not_completed(key_dir: Path, lost: str) -> None:
    (key_dir / lost).unlink()
    with pytest.raises(Conflict) as refusal:
        create_keys(key_dir, DOMAIN, SELECTOR)
    assert refusal.value.code == "keys_incomplete"
    assert not (key_dir / lost).exists()


def test_the_environment_may_hold_the_keys(key_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, variable in (("front.json", "COURTIER_FRONT_KEYS"), ("worker.json", "COURTIER_WORKER_KEYS")):
        monkeypatch.setenv(variable, (key_dir / name).read_text())
        (key_dir / name).unlink()
    assert load_worker(Path("/nonexistent")).pepper_version == 1


def test_missing_files_say_how_to_mend_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="courtier up") as refusal:
        load_front(tmp_path)
    assert refusal.value.code == "keys_missing"


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("front.json", "sealing_key", "c2hvcnQ="),
        ("front.json", "sealing_key", "no base64 !"),
        ("front.json", "sealing_key", 7),
        ("front.json", "token_keys", None),
        ("front.json", "token_keys", {"one": "x"}),
        ("front.json", "token_version", 2),
        ("front.json", "token_version", "1"),
        ("worker.json", "opening_key", ""),
        ("worker.json", "peppers", {"1": "AAAA"}),
        ("worker.json", "pepper_version", 3),
        ("worker.json", "noise_key", None),
        ("worker.json", "dkim", {"a:b": 1}),
        ("worker.json", "former_keys", "x"),
    ],
)
def test_a_malformed_field_is_named(key_dir: Path, name: str, field: str, value: object) -> None:
    change(key_dir / name, **{field: value})
    with pytest.raises(SettingsError) as refusal:
        load_worker(key_dir)
    assert refusal.value.code == "keys_malformed"
    assert refusal.value.field == field
    assert name in refusal.value.sentence
    assert str(value) not in refusal.value.sentence or value in (None, "", 2, 3, 7, "1", "x")


@pytest.mark.parametrize("content", ["", "{", "[]", "7"])
def test_what_is_no_json_object_is_refused(key_dir: Path, content: str) -> None:
    (key_dir / "front.json").write_text(content)
    with pytest.raises(SettingsError) as refusal:
        load_front(key_dir)
    assert refusal.value.code == "keys_malformed"


def test_files_of_two_installations_are_refused(key_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    create_keys(other, DOMAIN, SELECTOR)
    (key_dir / "front.json").write_bytes((other / "front.json").read_bytes())
    with pytest.raises(SettingsError) as refusal:
        load_worker(key_dir)
    assert refusal.value.code == "keys_mismatch"


def test_no_secret_shows_in_a_repr(key_dir: Path) -> None:
    shown = repr(load_worker(key_dir))
    assert "PRIVATE KEY" not in shown
    assert "b'" not in shown


def test_an_unknown_seal_says_what_to_do(key_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    create_keys(other, DOMAIN, SELECTOR)
    with pytest.raises(IntegrityFault, match=r"worker\.json"):
        open_message(load_worker(key_dir), seal_message(load_front(other), b"text", "x"), "x")


def test_a_running_process_takes_up_a_rotation_and_still_opens_what_was_sealed_before(key_dir: Path) -> None:
    ring = CurrentRing(key_dir)
    before = ring()
    sealed = seal_message(before.front, b"text", "x")
    assert ring() is before
    renewed = renew_opening_key(key_dir)
    after = ring()
    assert after.opening_key.private_bytes_raw() == renewed.opening_key.private_bytes_raw()
    assert after.opening_key.private_bytes_raw() != before.opening_key.private_bytes_raw()
    assert open_message(after, sealed, "x") == b"text"
    assert open_message(after, seal_message(after.front, b"new", "x"), "x") == b"new"


def test_a_ring_that_is_spoilt_while_a_process_runs_is_not_taken_up(key_dir: Path) -> None:
    ring = CurrentRing(key_dir)
    before, good = ring(), (key_dir / "worker.json").read_text()
    (key_dir / "worker.json").write_text("{")
    assert ring() is before
    (key_dir / "worker.json").write_text(good)
    assert ring().opening_key.private_bytes_raw() == before.opening_key.private_bytes_raw()
