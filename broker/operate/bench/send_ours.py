"""Our side of the send benchmark: lanes in processes of their own, and what a mail costs each part."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.kernel.database import Database
from broker.kernel.errors import Conflict, Unavailable
from broker.kernel.settings import Settings
from broker.operate.bench.send_peers import PROCESSES, signature_seconds
from broker.operate.bench.send_scene import Scene, accounted, make_mailing, sign_ahead
from broker.operate.database_server import DatabaseServer
from broker.vault.keyring import WorkerKeys

TICKS = os.sysconf("SC_CLK_TCK")


class Ours:
    """Our rounds: elapsed rate, and CPU a mail of each part."""

    def __init__(
        self,
        database: Database,
        scene: Scene,
        lanes: list[subprocess.Popen[str]],
        postmaster: int,
        sink_pid: int,
        signing: tuple[WorkerKeys, Settings] | None = None,
    ) -> None:
        self._signing = signing  # signatures are made before the clock starts
        self._database = database
        self._scene = scene
        self._lanes = lanes
        self._watched = {"PostgreSQL": postmaster, "sink": sink_pid}
        self._cpu: dict[str, list[float]] = {"workers": [], **{name: [] for name in self._watched}}
        self._signature: list[float] = []

    def round(self) -> float:
        """Mails a second of one mailing by all lanes; raises `Conflict` when a mail is not accounted for."""
        mailing = make_mailing(self._database, self._scene)
        size = len(self._scene.contact_ids)
        if self._signing is not None:
            sign_ahead(self._database, *self._signing, mailing)
        else:
            self._signature.append(signature_seconds())
        before = {name: cpu_seconds(pid) for name, pid in self._watched.items()}
        start = time.monotonic()
        for lane in self._lanes:
            assert lane.stdin is not None
            lane.stdin.write(f"{mailing.id}\n")
            lane.stdin.flush()
        used = [float(_line(lane)) for lane in self._lanes]
        elapsed = time.monotonic() - start
        self._cpu["workers"].append(sum(used) / size)
        for name, pid in self._watched.items():
            self._cpu[name].append((cpu_seconds(pid) - before[name]) / size)
        if not accounted(self._database, mailing):
            raise Conflict("A mail of the benchmark was not accepted and accrued.", code="mails_lost")
        return size / elapsed

    def parts(self) -> str:
        """CPU a mail of each part (the first, unmeasured round left out)."""
        medians = {name: statistics.median(taken[1:]) * 1e6 for name, taken in self._cpu.items()}
        return ", ".join(f"{name} {taken:.0f}" for name, taken in medians.items())

    def notes(self) -> dict[str, object]:
        """CPU a mail, and the share of it that one signature needs (the first, unmeasured round left out)."""
        parts = {name: [one * 1e6 for one in taken[1:]] for name, taken in self._cpu.items()}
        signature = [one * 1e6 for one in self._signature[1:]]
        whole = [sum(one) for one in zip(*parts.values(), strict=True)]
        ratios = [one / other for one, other in zip(signature, whole, strict=True)]
        return {
            "CPU us a mail": ", ".join(f"{name} {statistics.median(taken):.0f}" for name, taken in parts.items()),
            "CPU us a signature (openssl)": f"{statistics.median(signature):.0f}",
            "signature / whole mail, CPU": f"{statistics.median(ratios):.3f} [{min(ratios):.3f}-{max(ratios):.3f}]",
        }


def cpu_seconds(pid: int) -> float:
    """CPU of a process, of the children it has reaped, and of those that live (Linux, /proc)."""
    if not pid:
        return 0.0
    total = 0.0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        if int(folder.name) == pid or int(fields[1]) == pid:
            total += sum(map(int, fields[11:15])) / TICKS
    return total


def _line(lane: subprocess.Popen[str]) -> str:
    assert lane.stdout is not None
    said = lane.stdout.readline()
    if not said:
        raise Unavailable("A worker of the benchmark died.", code="worker_died")
    return said.strip()


@contextmanager
def running_lanes(settings: Settings, server: DatabaseServer) -> Iterator[list[subprocess.Popen[str]]]:
    words = [sys.executable, "-m", "broker.operate.bench.send_lane", str(settings.source)]
    env = {**os.environ, "COURTIER_DATABASE_URL": server.url("worker")}
    lanes = [
        subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        for _ in range(PROCESSES)
    ]
    try:
        for lane in lanes:
            _line(lane)
        yield lanes
    finally:
        for lane in lanes:
            lane.terminate()
            lane.communicate()
