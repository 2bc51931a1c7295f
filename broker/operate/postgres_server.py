"""The embedded PostgreSQL server: made, started, watched and ended by us.

The server never runs as root. Root writes nothing into the server's folder, so that a link planted there leads
nowhere, and signals a process named there only after looking at whose it is.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from broker.kernel.errors import Unavailable
from broker.operate.parent_death import die_with_parent
from broker.operate.postgres_binaries import usable_binaries
from broker.operate.postgres_conf import write_conf
from broker.operate.postgres_initdb import ADMIN, SERVER_ENVIRONMENT, make_data_folder
from broker.operate.service_users import GROUP, Account, can_enter, system_account
from broker.operate.state import State, make_folder, open_log, remove_folder

DATABASE = "courtier"
START_SECONDS = 60.0


@dataclass
class PostgresServer:
    """One data folder and, between `start` and `stop`, the server on it."""

    state: State
    durable: bool = True
    process: subprocess.Popen[bytes] | None = None

    def url(self, user: str, password: str, database: str = DATABASE) -> str:
        """A `postgresql://` address over the private socket."""
        return f"postgresql://{user}:{quote(password)}@/{database}?host={quote(str(self.state.socket_dir), safe='')}"

    @property
    def admin_url(self) -> str:
        """The superuser's address; only the supervisor and migrations use it."""
        return self.url(ADMIN, self.state.secret("postgres-admin"))

    @property
    def maintenance_url(self) -> str:
        """The superuser's address of the server's own database, from which others are made."""
        return self.url(ADMIN, self.state.secret("postgres-admin"), "postgres")

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.state.postgres / "data"

    def start(self) -> None:
        """Start the server, making its data folder at the first time; returns once it answers.

        Raises `Unavailable` with the log's place when it does not within a minute. Call it from a thread that
        outlives the server: the server ends with that thread.
        """
        account = system_account("courtier-db")
        make_folder(self.state.postgres, account, 0o700)
        if not can_enter(self.state.postgres, account):
            raise Unavailable(
                f"The database's user '{account.name}' cannot reach {self.state.postgres}. Set instance.state_dir to a "
                "folder whose parents let other users pass.",
                code="state_folder",
            )
        binaries = usable_binaries(self.state, account)
        self._stop_stale(account)
        shared = account.shared_gid if account.changes_user else None
        make_folder(self.state.socket_dir, account, 0o700 if shared is None else 0o710, group=shared)
        if not (self.data / "PG_VERSION").exists():
            make_data_folder(self.state, binaries, account, durable=self.durable)
        group = GROUP if shared is not None else None
        arguments = write_conf(self.state, socket_group=group, durable=self.durable)
        log = open_log(self.state.log / "postgres.log")
        try:
            self.process = subprocess.Popen(
                [str(binaries / "bin" / "postgres"), *arguments],
                cwd="/",
                env=SERVER_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C at the terminal is for the supervisor to hand on
                preexec_fn=die_with_parent(signal.SIGINT),
                **account.popen_arguments(),
            )
        finally:
            os.close(log)
        self._wait()

    def stop(self) -> None:
        """End the server in order, or at once when it does not within 20 seconds; remove the socket's folder."""
        process, self.process = self.process, None
        if process is not None:
            for sign, seconds in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
                if process.poll() is not None:
                    break
                process.send_signal(sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(seconds)
        remove_folder(self.state.socket_dir)

    def answers(self) -> bool:
        """Whether the server accepts connections now."""
        try:
            with psycopg.connect(self.maintenance_url, connect_timeout=5):
                return True
        except psycopg.OperationalError:
            return False

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while self.process is not None and self.process.poll() is None and time.monotonic() < until:
            if self.answers():
                return
            time.sleep(0.05)
        self.stop()
        raise Unavailable(
            f"The embedded database did not start. Its reasons stand in {self.state.log / 'postgres.log'}.",
            code="database_start",
        )

    def _stop_stale(self, account: Account) -> None:
        """End a server of ours whose supervisor is gone. We hold the instance's lock, so nobody needs it."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
        except (OSError, ValueError, IndexError):
            return
        for sign, seconds in ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            until = time.monotonic() + seconds
            if not self._is_ours(pid, account):
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
            while time.monotonic() < until and self._is_ours(pid, account):
                time.sleep(0.05)

    def _is_ours(self, pid: int, account: Account) -> bool:
        """Whether the process is a server on our data folder: the file is the server's word, so look."""
        process = Path("/proc") / str(pid)
        try:
            command = process.joinpath("cmdline").read_bytes()
            return process.stat().st_uid == account.uid and os.fsencode(self.state.root / "postgresql.conf") in command
        except OSError:
            return False
