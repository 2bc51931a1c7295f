"""PostgreSQL's own dump and restore, on the embedded binaries; passwords go by the environment, never by arguments."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable
from typing import IO

from psycopg.conninfo import conninfo_to_dict

from broker.kernel.errors import IntegrityFault, Unavailable
from broker.operate.postgres_binaries import wheel_binaries

BLOCK = 1 << 20
_VARIABLES = {
    "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "options": "PGOPTIONS",
}  # fmt: skip


def _environment(url: str) -> dict[str, str]:
    known = conninfo_to_dict(url)
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",
        **{_VARIABLES[key]: str(value) for key, value in known.items() if key in _VARIABLES},
    }


def dump(admin_url: str, snapshot: str, take: Callable[[bytes], object]) -> None:
    """Hand the whole database, as one exported snapshot sees it, block by block to `take` (custom format)."""
    command = [str(wheel_binaries() / "bin" / "pg_dump"), "--format=custom", "--compress=gzip:3", "--no-password"]
    _stream([*command, f"--snapshot={snapshot}"], admin_url, lambda process: _read(process, take), "dumped")


def load(admin_url: str, source: IO[bytes]) -> None:
    """Restore a dump into an empty database: in one transaction, so all of it or nothing."""
    command = [str(wheel_binaries() / "bin" / "pg_restore"), "--exit-on-error", "--single-transaction", "--no-password"]
    database = str(conninfo_to_dict(admin_url)["dbname"])
    _stream([*command, f"--dbname={database}"], admin_url, lambda process: _write(process, source), "restored")


def _stream(command: list[str], admin_url: str, carry: Callable[[subprocess.Popen[bytes]], None], verb: str) -> None:
    with subprocess.Popen(
        command,
        env=_environment(admin_url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            carry(process)
        except BrokenPipeError:
            pass  # the program has given up: its status says so
        except BaseException:
            process.kill()
            raise
        assert process.stderr is not None
        told = process.stderr.read().decode(errors="replace")
    if process.returncode:
        # What a program says may quote a row: only its kind of complaint is passed on.
        found = re.search(r"server version mismatch|permission denied|could not connect|No space left|invalid", told)
        why = found[0] if found else f"status {process.returncode}"
        kind = IntegrityFault if verb == "restored" else Unavailable
        raise kind(f"The database could not be {verb}: {why}.", code=f"not_{verb}")


def _read(process: subprocess.Popen[bytes], take: Callable[[bytes], object]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    while block := process.stdout.read(BLOCK):
        take(block)


def _write(process: subprocess.Popen[bytes], source: IO[bytes]) -> None:
    assert process.stdin is not None
    try:
        while block := source.read(BLOCK):
            process.stdin.write(block)
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
