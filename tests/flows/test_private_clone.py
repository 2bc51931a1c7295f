"""A clone in a private home: the server's programs are copied to where its user can run them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.operate import postgres_binaries
from broker.operate.postgres_binaries import INSTALL, PACKAGE, usable_binaries, wheel_binaries
from broker.operate.service_users import can_enter, own_account, system_account
from broker.operate.state import State
from broker.operate.system import choose_accounts, make_work_folders

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can give processes users of their own"),
]


@pytest.fixture
def private_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel's programs as they lie in an environment that only root enters."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    wheel = wheel_binaries()
    for part in ("bin", "lib", "share"):
        shutil.copytree(wheel / part, home / PACKAGE / INSTALL / part, symlinks=True)
    shutil.copytree(wheel.parent.with_name(f"{PACKAGE}.libs"), home / f"{PACKAGE}.libs")
    monkeypatch.setattr(postgres_binaries, "wheel_binaries", lambda: home / PACKAGE / INSTALL)
    return home


@pytest.fixture
def state() -> Iterator[State]:
    folder = Path(tempfile.mkdtemp(prefix="courtier-flow-"))
    folder.chmod(0o711)
    state = State(folder / "state")
    state.make()
    yield state
    shutil.rmtree(folder)


def test_the_servers_user_runs_a_copy_and_the_home_stays_private(private_wheel: Path, state: State) -> None:
    account = system_account("courtier-db")
    for _ in range(2):  # the second time it is there
        programs = usable_binaries(state, account)
    assert programs.is_relative_to(state.root)
    assert private_wheel.stat().st_mode & 0o777 == 0o700
    for program in ("postgres", "initdb", "psql"):
        done = subprocess.run(
            [programs / "bin" / program, "--version"], capture_output=True, check=False, **account.popen_arguments()
        )
        assert done.returncode == 0, done.stderr
        assert b"18." in done.stdout


def test_root_itself_needs_no_copy(private_wheel: Path, state: State) -> None:
    assert usable_binaries(state, own_account()).is_relative_to(private_wheel)


def test_a_private_folder_cannot_be_entered_by_others(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o755)
    tmp_path.chmod(0o700)
    assert not can_enter(inner, system_account("courtier-web"))
    assert can_enter(Path("/usr"), system_account("courtier-web"))


def test_folders_follow_when_users_are_chosen_anew(state: State) -> None:
    from broker.kernel.settings import InstanceSettings, Settings
    from broker.operate.system import Accounts

    settings = Settings(instance=InstanceSettings(state_dir=str(state.root)))
    own = own_account()
    make_work_folders(settings, Accounts(own, own))
    (state.root / "uploads" / "sealed").write_bytes(b"")
    front, worker = system_account("courtier-web"), system_account("courtier-worker")
    make_work_folders(settings, Accounts(front, worker))
    assert (state.root / "uploads" / "sealed").stat().st_uid == front.uid
    assert (state.root / "snapshots").stat().st_mode & 0o077 == 0
    make_work_folders(settings, Accounts(own, own))
    assert (state.root / "uploads").stat().st_uid == 0
    assert choose_accounts(settings).front.name in ("root", "courtier-web")
