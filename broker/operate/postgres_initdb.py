"""The embedded server's data folder, made at the first start: UTF-8, the C locale, log-in by password only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

from broker.kernel.errors import Unavailable
from broker.operate.parent_death import die_with_parent
from broker.operate.service_users import Account
from broker.operate.state import State

ADMIN = "courtier_admin"
SERVER_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def make_data_folder(state: State, binaries: Path, account: Account, *, durable: bool) -> None:
    """Run initdb as `account` beside the final place: a half-made folder is never taken for a whole one.

    Raises `Unavailable` with initdb's last line when it fails.
    """
    fresh = state.postgres / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    password = state.root / "initdb-password"
    password.unlink(missing_ok=True)
    handle = os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, state.secret("postgres-admin").encode())
        os.fchown(handle, account.uid, account.gid)
        command = [
            str(binaries / "bin" / "initdb"),
            f"--pgdata={fresh}",
            f"--username={ADMIN}",
            f"--pwfile={password}",
        ]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        command += [
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            *([] if durable else ["--no-sync"]),
        ]
        done = subprocess.run(
            command,
            cwd="/",
            env=SERVER_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=die_with_parent(signal.SIGKILL),
            **account.popen_arguments(),
        )
    finally:
        os.close(handle)
        password.unlink(missing_ok=True)
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"The embedded database could not be made: {why}", code="database_start")
    fresh.rename(state.postgres / "data")
