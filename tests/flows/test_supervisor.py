"""The supervisor: whatever part is killed, nothing is left behind, and what should run runs again."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from broker.kernel.errors import Conflict, SettingsError, Unavailable
from broker.kernel.settings import InstanceSettings, Settings
from broker.operate.database_server import running_postgres
from broker.operate.postgres_server import PostgresServer
from broker.operate.service_users import can_run_code, system_account
from broker.operate.state import State
from broker.operate.supervisor import wait_before_restart
from broker.operate.system import check_port_free

pytestmark = [pytest.mark.flow, pytest.mark.timeout(120)]
HERE = Path(__file__).parent
SLEEPER = r"python\S* \S*sleeper.py"


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A short folder that the database's user can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="courtier-flow-"))
    folder.chmod(0o711)
    yield folder / "state"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def stopped_instance() -> Iterator[Path]:
    """The state of an instance that ran once and ended in order."""
    folder = Path(tempfile.mkdtemp(prefix="courtier-flow-"))
    folder.chmod(0o711)
    command = [sys.executable, str(HERE / "runner.py"), str(folder / "state"), str(HERE / "sleeper.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        read_until(process, "READY")
        process.terminate()
        read_until(process, "STOPPED")
    yield folder / "state"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def second_start(stopped_instance: Path, state_dir: Path) -> None:
    """The instance has run before: for tests to which the making of a database is only waiting."""
    subprocess.run(["cp", "-a", str(stopped_instance), str(state_dir)], check=True)
    shutil.rmtree(state_dir / "log")  # tests look for what this run says


@pytest.fixture
def start(state_dir: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the small instance of runner.py; whatever a failing test leaves is ended."""
    started: list[subprocess.Popen[str]] = []

    def run(**extra: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(HERE / "runner.py"), str(state_dir), str(HERE / "sleeper.py")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **extra})
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()
    for pid in processes_of(state_dir):
        os.kill(pid, signal.SIGKILL)


def processes_of(state_dir: Path) -> dict[int, str]:
    """Living processes whose command line or parentage belongs to the instance: id to command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            session = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            leader = Path(f"/proc/{session}/cmdline").read_bytes().decode()
        except (OSError, ValueError):
            continue
        if int(folder.name) != os.getpid() and (str(state_dir) in command or str(state_dir) in leader):
            found[int(folder.name)] = command
    return found


def wait_until(what: Callable[[], bool], seconds: float = 30.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def read_until(process: subprocess.Popen[str], word: str) -> str:
    assert process.stdout
    lines = ""
    for line in process.stdout:
        lines += line
        if word in line:
            return lines
    pytest.fail(f"ended without saying {word}: {lines}")


def pids(state_dir: Path, pattern: str) -> list[int]:
    return [pid for pid, command in processes_of(state_dir).items() if re.search(pattern, command)]


@pytest.mark.usefixtures("second_start")
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(
    start: Callable[..., subprocess.Popen[str]], state_dir: Path, sign: signal.Signals
) -> None:
    process = start()
    read_until(process, "READY")
    assert pids(state_dir, "postgres")
    assert len(pids(state_dir, SLEEPER)) == 2
    process.send_signal(sign)
    read_until(process, "STOPPED")
    assert process.wait(30) == 0
    assert processes_of(state_dir) == {}
    assert "database system is shut down" in (state_dir / "log" / "postgres.log").read_text()
    assert not State(state_dir).socket_dir.exists()


@pytest.mark.usefixtures("second_start")
def test_killing_the_supervisor_leaves_nothing(start: Callable[..., subprocess.Popen[str]], state_dir: Path) -> None:
    process = start()
    read_until(process, "READY")
    process.kill()
    process.wait()
    wait_until(lambda: not processes_of(state_dir))


def test_killing_the_supervisor_early_leaves_nothing(
    start: Callable[..., subprocess.Popen[str]], state_dir: Path
) -> None:
    for delay in (0.5, 0.9, 1.3):
        process = start()
        time.sleep(delay)
        process.kill()
        process.wait()
        wait_until(lambda: not processes_of(state_dir))
    process = start()  # and nothing half-made stands in the way of the next start
    read_until(process, "READY")


@pytest.mark.usefixtures("second_start")
def test_a_killed_part_is_started_again(start: Callable[..., subprocess.Popen[str]], state_dir: Path) -> None:
    process = start()
    read_until(process, "READY")
    victim = pids(state_dir, SLEEPER)[0]
    os.kill(victim, signal.SIGKILL)
    assert "signal 9" in read_until(process, "ended")
    wait_until(lambda: len(pids(state_dir, SLEEPER)) == 2)
    assert victim not in pids(state_dir, SLEEPER)
    wait_until(lambda: len(pids(state_dir, "time.sleep")) == 2)  # the killed part's helper is gone


@pytest.mark.usefixtures("second_start")
def test_a_killed_database_is_started_again(start: Callable[..., subprocess.Popen[str]], state_dir: Path) -> None:
    process = start()
    read_until(process, "READY")
    server = PostgresServer(State(state_dir))
    postmaster = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(postmaster, signal.SIGKILL)
    read_until(process, "database")
    wait_until(server.answers)
    assert int((server.data / "postmaster.pid").read_text().splitlines()[0]) != postmaster


@pytest.mark.usefixtures("second_start")
def test_a_part_that_refuses_its_settings_ends_all_with_its_sentence(
    start: Callable[..., subprocess.Popen[str]], state_dir: Path
) -> None:
    process = start(COURTIER_TEST_REFUSE="1")
    assert "web.port: must be lower." in read_until(process, "REFUSED")
    assert process.wait(30) == 1
    assert processes_of(state_dir) == {}


@pytest.mark.usefixtures("second_start")
def test_a_stale_server_is_stopped_at_start(start: Callable[..., subprocess.Popen[str]], state_dir: Path) -> None:
    process = start()
    read_until(process, "READY")
    server = PostgresServer(State(state_dir))
    stale = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(stale, signal.SIGSTOP)  # it cannot follow the parent-death signal yet
    process.kill()
    process.wait()
    wait_until(lambda: not pids(state_dir, SLEEPER))
    assert stale in processes_of(state_dir)
    process = start()
    os.kill(stale, signal.SIGCONT)
    read_until(process, "READY")
    assert stale not in processes_of(state_dir)


@pytest.mark.usefixtures("second_start")
def test_a_second_supervisor_is_refused_and_a_command_joins(
    start: Callable[..., subprocess.Popen[str]], state_dir: Path
) -> None:
    read_until(start(), "READY")
    settings = Settings(instance=InstanceSettings(state_dir=str(state_dir)))
    with pytest.raises(Conflict, match="already runs"), running_postgres(settings, attach=False):
        pass
    with running_postgres(settings) as server, psycopg.connect(server.url("worker")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("courtier_worker",)
    assert PostgresServer(State(state_dir)).answers()


def test_the_socket_is_private_and_passwords_are_checked(
    start: Callable[..., subprocess.Popen[str]], state_dir: Path
) -> None:
    read_until(start(), "READY")
    state = State(state_dir)
    server = PostgresServer(state)
    assert state.socket_dir.stat().st_mode & 0o027 == 0
    assert (state_dir / "secrets" / "postgres-web").stat().st_mode & 0o777 == 0o600
    assert (state_dir / "secrets").stat().st_mode & 0o777 == 0o700
    for user in ("courtier_web", "courtier_worker", "courtier_admin", "courtier_owner"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.url(user, "wrong"))
    with psycopg.connect(server.admin_url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        stored = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'courtier_web'").fetchone()
        assert stored is not None
        assert stored[0].startswith("SCRAM-SHA-256$")


@pytest.mark.usefixtures("second_start")
def test_a_fault_in_a_statement_leaves_no_row_in_the_servers_log(
    start: Callable[..., subprocess.Popen[str]], state_dir: Path
) -> None:
    read_until(start(), "READY")
    server = PostgresServer(State(state_dir))
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute("CREATE TEMP TABLE canary (address text PRIMARY KEY)")
        for _ in range(2):
            try:
                connection.execute("INSERT INTO canary VALUES (%s)", ("canary-7d1f@example.org",))
            except psycopg.errors.UniqueViolation:
                break
        else:
            pytest.fail("the second row should have been refused")
    assert "canary-7d1f" not in (state_dir / "log" / "postgres.log").read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give processes users of their own")
def test_as_root_the_server_runs_as_its_own_user(start: Callable[..., subprocess.Popen[str]], state_dir: Path) -> None:
    read_until(start(), "READY")
    account = system_account("courtier-db")
    servers = pids(state_dir, "postgres")
    assert servers
    assert {Path(f"/proc/{pid}").stat().st_uid for pid in servers} == {account.uid}
    assert (state_dir / "postgres").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give processes users of their own")
def test_code_in_a_private_home_is_found_out(tmp_path: Path) -> None:
    config = tmp_path / "courtier.toml"
    config.write_text("")
    config.chmod(0o600)
    assert not can_run_code(system_account("courtier-web"), config)


def test_a_port_in_use_is_one_sentence() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=f"127.0.0.1:{port} is in use .* set web.port to another") as refusal:
            check_port_free("127.0.0.1", port, "web.port")
    assert refusal.value.code == "port_in_use"


def test_an_unreachable_server_of_ones_own_is_one_sentence() -> None:
    from broker.kernel.settings import DatabaseSettings

    settings = Settings(database=DatabaseSettings(url="postgresql://somebody:secret@127.0.0.1:1/none"))
    with pytest.raises(Unavailable, match="does not answer") as refusal, running_postgres(settings):
        pass
    assert "secret" not in refusal.value.sentence
    broken = Settings(database=DatabaseSettings(url="not an address"))
    with pytest.raises((SettingsError, Unavailable)), running_postgres(broken):
        pass


def test_the_wait_before_a_restart_grows_and_ends() -> None:
    assert [wait_before_restart(number) for number in (1, 2, 3, 20)] == [0.5, 1.0, 2.0, 30.0]
