"""What each process is told: its own role and secrets, and no other's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker.kernel.errors import SettingsError
from broker.kernel.settings import InstanceSettings, Settings
from broker.operate.alone import run_alone
from broker.operate.database_server import DatabaseServer
from broker.operate.keys import prepare_keys
from broker.operate.process_environment import process_environment
from broker.operate.process_settings import ROLES_OF, received_settings
from broker.operate.service_users import own_account
from broker.operate.state import State, make_folder

SERVER = DatabaseServer(
    {role: f"postgresql://{role}:word-of-{role}@/x" for role in ("admin", "web", "public", "worker")}
)


@pytest.mark.parametrize("kind", ROLES_OF)
def test_a_process_is_told_its_own_role_only(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURTIER_WORKER_KEYS", "opens-everything")
    monkeypatch.setenv("COURTIER_RELAY_PASSWORD", "relay-word")
    told = " ".join(process_environment(kind, Settings(), SERVER).values())
    for role in SERVER.urls:
        assert (f"word-of-{role}" in told) == (role in ROLES_OF[kind])
    assert ("opens-everything" in told) == (kind in ("worker", "audience"))
    assert ("relay-word" in told) == (kind == "worker")


def test_what_is_handed_over_arrives_and_leaves_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = Settings(instance=InstanceSettings(state_dir=str(tmp_path)))
    for name, value in process_environment("web", given, SERVER).items():
        monkeypatch.setenv(name, value)
    received = received_settings("web")
    assert received.state_dir == tmp_path
    assert received.database.web_url == SERVER.url("web")
    assert received.database.public_url == SERVER.url("public")
    assert received.database.worker_url == received.database.url == ""
    assert not any("word-of" in value for value in os.environ.values())


def test_an_unset_role_is_named() -> None:
    from broker.kernel.settings import DatabaseSettings

    settings = Settings(database=DatabaseSettings(web_url="postgresql://web@/x"))
    with pytest.raises(SettingsError, match=r"database\.public_url is not set"):
        run_alone("web", settings)
    with pytest.raises(SettingsError, match=r"database\.url is not set"):
        DatabaseServer({"web": "postgresql://web@/x"}).url("admin")


def test_keys_and_secrets_are_private_and_stay(tmp_path: Path) -> None:
    settings = Settings(instance=InstanceSettings(state_dir=str(tmp_path / "state")))
    state = State.of(settings)
    state.make()
    own = own_account()
    prepare_keys(settings, own, own)
    first = {path.name: path.read_bytes() for path in settings.key_dir.iterdir()}
    prepare_keys(settings, own, own)
    assert first == {path.name: path.read_bytes() for path in settings.key_dir.iterdir()}
    assert set(first) == {"front.json", "worker.json"}
    assert all(path.stat().st_mode & 0o077 == 0 for path in settings.key_dir.iterdir())
    assert state.secret("one") == state.secret("one") != state.secret("two")


def test_an_existing_folder_is_never_widened(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    make_folder(tmp_path, own_account(), 0o755)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    make_folder(tmp_path / "new", own_account(), 0o711)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_the_sockets_folder_is_short_for_any_state_folder() -> None:
    assert len(str(State(Path("/" + "long/" * 60)).socket_dir)) < 80
