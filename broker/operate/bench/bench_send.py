"""The whole way of a mail: claim, unseal, compose, sign, SMTP, durable outcome, accrual, journal.

Ours is the product's delivery job in two processes on a scratch instance whose database is durable (fsync and
synchronous commit on). It counts only when every mail was accepted and accrued. Beside it, on the same cores: what two
processes of `openssl speed` sign, postfix's generator, nodemailer's pool, and ours with signatures made before the
mailing's hour.

Elapsed rates on a shared machine are what its other tenants leave; the CPU notes say what a mail costs.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.kernel.database import Database, make_engine
from broker.kernel.errors import Conflict, Unavailable
from broker.kernel.settings import Settings, load_settings
from broker.operate.bench.send_peers import (
    PROCESSES,
    Nodemailer,
    openssl_rate,
    signature_seconds,
    sink,
    smtp_source_rate,
    tool,
)
from broker.operate.bench.send_scene import HTML, Scene, accounted, make_mailing, make_scene, sign_ahead
from broker.operate.bench.turns import Bench, Measure, take_turns
from broker.operate.database_server import DatabaseServer, running_postgres
from broker.vault.keyring import WorkerKeys, create_keys, load_worker

SIZE = 6_000
CONNECTIONS, DEPTH = 16, 4  # a worker's; after its kill at most the product is in doubt
BATCH = 2_000
SLOW_SHARE = 10  # nodemailer gets a tenth of the mails: it is that much slower
MESSAGE_BYTES = 18_500
AHEAD = "ours, signed ahead"
TICKS = os.sysconf("SC_CLK_TCK")


def run(settings: Settings, size: int | None, rounds: int) -> Bench:
    """Measure; `size` is how many mails a round. The instance of `settings` is not touched."""
    folder = Path(tempfile.mkdtemp(prefix="courtier-bench-"))
    folder.chmod(0o711)  # the database's user passes through
    try:
        with sink(folder) as (port, sink_pid, sink_name):
            scratch = _scratch_settings(folder, port)
            create_keys(scratch.key_dir, scratch.mail.sending_domain, scratch.mail.dkim_selector)
            with running_postgres(scratch) as server:
                return _measure(folder, scratch, server, size or SIZE, rounds, (port, sink_pid, sink_name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(
    folder: Path, settings: Settings, server: DatabaseServer, size: int, rounds: int, where: tuple[int, int, str]
) -> Bench:
    port, sink_pid, sink_name = where
    database, keys = Database(make_engine(server.url("worker"))), load_worker(settings.key_dir)
    scene = make_scene(database, keys, size)
    notes: dict[str, object] = {
        "sink": sink_name,
        "connections": f"{PROCESSES} x {CONNECTIONS}, depth {DEPTH}",
        "mails": size,
    }
    peers: dict[str, Measure] = {"2 x openssl rsa2048": openssl_rate}
    _add_peers(peers, notes, folder, keys, port, size)
    held = server.embedded.process if server.embedded else None
    postmaster = held.pid if held else 0
    with _lanes(settings, server) as lanes:
        ours = _Ours(database, scene, lanes, postmaster, sink_pid)
        ahead = _Ours(database, scene, lanes, postmaster, sink_pid, (keys, settings))
        figure, figures = take_turns(ours.round, {**peers, AHEAD: ahead.round}, rounds)
    database.engine.dispose()
    if "smtp-source" in figures:
        pairs = zip(figures[AHEAD].rounds, figures["smtp-source"].rounds, strict=True)
        against = [one / other for one, other in pairs]
        shown = f"{statistics.median(against):.3f} [{min(against):.3f}-{max(against):.3f}]"
        notes[f"{AHEAD} / smtp-source"] = f"{shown} (goal 1.2)"
    return Bench(
        name="send",
        unit="mails/s",
        ours=figure,
        peers=figures,
        goals={
            "2 x openssl rsa2048": ">= 0.65",
            "nodemailer pool, DKIM": ">= 6",
        },
        notes={**notes, **ours.notes(), f"CPU us a mail, {AHEAD}": ahead.parts()},
    )


def _add_peers(
    peers: dict[str, Measure], notes: dict[str, object], folder: Path, keys: WorkerKeys, port: int, size: int
) -> None:
    source = tool("smtp-source")
    if source is None:
        notes["smtp-source"] = "not installed (Debian: postfix)"
    else:
        peers["smtp-source"] = lambda: smtp_source_rate(source, port, size, MESSAGE_BYTES)
    nodemailer = Nodemailer(folder, next(iter(keys.dkim.values())), HTML)
    missing = nodemailer.install()
    if missing:
        notes["nodemailer"] = missing
    else:
        peers["nodemailer pool, DKIM"] = lambda: nodemailer.rate(port, max(PROCESSES, size // SLOW_SHARE))


class _Ours:
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
def _lanes(settings: Settings, server: DatabaseServer) -> Iterator[list[subprocess.Popen[str]]]:
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


def _scratch_settings(folder: Path, port: int) -> Settings:
    """Defaults but for the place and the relay, in a file since the workers read them there."""
    source = folder / "courtier.toml"
    source.write_text(
        f'[instance]\nname = "bench"\nstate_dir = "{folder / "state"}"\ndemo = true\n'
        f"[worker]\nprocesses = 1\n[mail]\nbatch = {BATCH}\ndepth = {DEPTH}\n"
        f"[[mail.relays]]\nport = {port}\nconnections = {CONNECTIONS}\n",
        encoding="utf-8",
    )
    return load_settings(source)
