"""The machine: versions, disk, time, ports, and the separation of users."""

from __future__ import annotations

import os
import shutil
import sys
import time
from datetime import datetime
from importlib import metadata
from pathlib import Path

import psycopg

from broker.kernel.settings import Settings
from broker.operate.doctor.check import Check
from broker.operate.postgres_binaries import wheel_binaries
from broker.operate.state import State
from broker.operate.system import choose_accounts

FREE_GIB = 5
DRIFT_SECONDS = 5.0
LOCK = Path(__file__).parents[3] / "requirements.txt"


def versions(settings: Settings) -> Check:
    """Python, and every locked package at its locked version."""
    name = "versions"
    wrong = _unlike_lock() if LOCK.is_file() else []
    if wrong:
        some = ", ".join(wrong[:5])
        return Check(name, False, f"{len(wrong)} packages are not as locked ({some}): run make env.")
    return Check(name, True, f"Python {sys.version.split()[0]}; every package is at its locked version.")


def _unlike_lock() -> list[str]:
    wrong = []
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        pinned, _, condition = line.removesuffix("\\").partition(";")
        package, equal, version = pinned.strip().partition("==")
        if not equal or condition.strip() or line.startswith((" ", "#")):
            continue  # packages for some systems only are not judged
        try:
            found = metadata.version(package.partition("[")[0])
        except metadata.PackageNotFoundError:
            found = "missing"
        if found != version:
            wrong.append(f"{package} {found} instead of {version}")
    return wrong


def disk(settings: Settings) -> Check:
    """Room where the state lives."""
    folder = State.of(settings).root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free / 2**30
    if free < FREE_GIB:
        return Check("disk", False, f"{free:.1f} GiB are free at {folder}: make room for {FREE_GIB} GiB or more.")
    return Check("disk", True, f"{free:.0f} GiB are free at {folder}.")


def clock(url: str) -> Check:
    """This machine's time against the database's: tokens, leases and legal days depend on it."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
    assert row is not None
    drift = abs(time.time() - row[0])
    if drift > DRIFT_SECONDS:
        return Check(
            "time", False, f"This clock and the database's differ by {drift:.0f} s: run an NTP client on both."
        )
    return Check("time", True, f"This clock agrees with the database's (zone {datetime.now().astimezone().tzname()}).")


def embedded_server(settings: Settings) -> Check:
    """Where the server's programs come from."""
    if settings.database.url or settings.database.worker_url:
        return Check("server", True, "A database server of your own is set; the embedded one is not used.")
    return Check("server", True, f"The embedded PostgreSQL is in {wheel_binaries()}.")


def separation(settings: Settings) -> Check:
    """Whether the front can be kept from the workers' keys by the system itself."""
    name = "separation"
    if os.geteuid() != 0:
        return Check(
            name,
            False,
            "Front and workers share one user: their separation guards against SQL injection and leaked credentials, "
            "not against foreign code. To have users of their own, run courtier up as root from a folder that all "
            "users may read, or put the front on another machine.",
        )
    accounts = choose_accounts(settings)
    if accounts.separate:
        return Check(name, True, f"The front runs as {accounts.front.name}, workers as {accounts.worker.name}.")
    return Check(
        name,
        False,
        "Front and workers share one user, since service users cannot read the code, Python or the settings file: "
        "the separation guards against SQL injection and leaked credentials, not against foreign code. Put the clone, "
        "its Python and the settings file where all users may read them.",
    )
