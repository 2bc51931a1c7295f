"""A click, from its token to its redirect, beside nginx that only redirects.

Ours is the product as `courtier web` runs it, two serving processes, on a scratch instance: the token is verified, the
hit is in the journal before the answer, and the journals are being brought to PostgreSQL on the same machine all the
while. At the end every answer must be a row.
"""

from __future__ import annotations

import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings, load_settings
from broker.operate.bench.sent_mailing import count_hits, make_sent_mailing
from broker.operate.bench.turns import Bench, take_turns
from broker.operate.bench.wrk import Load, load, nginx, tool, write_script
from broker.operate.database_server import DatabaseServer, running_postgres
from broker.operate.keys import prepare_keys
from broker.operate.supervisor import Supervisor
from broker.operate.system import choose_accounts, make_work_folders, part_of

PERSONS = 20_000
SECONDS = 3  # of each measurement
PEER = "nginx return 302"
DRAIN_SECONDS = 300.0


def run(settings: Settings, size: int | None, rounds: int) -> Bench:
    """Measure; `size` is how many persons click. The instance of `settings` is not touched."""
    tool("wrk", "wrk")
    tool("nginx", "nginx-light")
    folder = Path(tempfile.mkdtemp(prefix="courtier-bench-"))
    folder.chmod(0o711)  # service users pass through
    try:
        return _measure(folder, settings, size or PERSONS, rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(folder: Path, given: Settings, persons: int, rounds: int) -> Bench:
    settings = _scratch_settings(folder, given.web.workers)
    loads: dict[str, list[Load]] = {"ours": [], PEER: []}

    def take(name: str, address: str, script: Path) -> float:
        loads[name].append(load(address, script, SECONDS))
        return loads[name][-1].rate

    with running_postgres(settings) as server, _serving(settings, server):
        paths = make_sent_mailing(server.url("admin"), settings.key_dir, persons)
        script = write_script(folder, paths)
        with nginx(folder, _free_port()) as peer:
            address = f"http://{settings.web.host}:{settings.web.port}"
            ours, peers = take_turns(
                lambda: take("ours", address, script), {PEER: lambda: take(PEER, peer, script)}, rounds
            )
        answers = sum(one.answers for one in loads["ours"])
        kept, seconds = _wait_for_rows(server.url("admin"), answers)
    slow = {name: [one.p99_ms for one in taken[1:]] for name, taken in loads.items()}
    ratios = [one / other for one, other in zip(slow["ours"], slow[PEER], strict=True)]
    return Bench(
        name="track",
        unit="redirects/s",
        ours=ours,
        peers=peers,
        goals={PEER: ">= 0.45, p99 <= 2x"},
        notes={
            "p99 ms": f"ours {statistics.median(slow['ours']):.1f}, nginx {statistics.median(slow[PEER]):.1f}, ratio"
            f" {statistics.median(ratios):.2f} [{min(ratios):.2f}-{max(ratios):.2f}]",
            "answers": answers,
            "wrong answers": sum(one.wrong for one in loads["ours"]),
            "rows": kept,
            "seconds until all were rows": round(seconds, 1),
        },
    )


def _scratch_settings(folder: Path, workers: int) -> Settings:
    """Defaults but for the place, written to a file since processes read them there."""
    source = folder / "courtier.toml"
    source.write_text(
        f'[instance]\nname = "bench"\nstate_dir = "{folder / "state"}"\ndemo = true\n'
        f"[web]\nport = {_free_port()}\nworkers = {workers}\n",
        encoding="utf-8",
    )
    source.chmod(0o644)  # no secret stands in it; service users read it
    return load_settings(source)


@contextmanager
def _serving(settings: Settings, server: DatabaseServer) -> Iterator[None]:
    accounts = choose_accounts(settings)
    make_work_folders(settings, accounts)
    prepare_keys(settings, accounts.front, accounts.worker)
    part = part_of("web", "web", settings, server, accounts)
    with Supervisor([part], settings.state_dir / "log", server=server.embedded):
        yield


def _wait_for_rows(admin_url: str, answers: int) -> tuple[int, float]:
    """(hits, seconds waited) once every answer is a row; wrk leaves a few unread answers that are rows as well."""
    start = time.monotonic()
    while (kept := count_hits(admin_url)) < answers:
        if time.monotonic() - start > DRAIN_SECONDS:
            raise Conflict(f"{answers} redirects were answered and only {kept} hits are kept.", code="hits_lost")
        time.sleep(0.5)
    return kept, time.monotonic() - start


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port: int = probe.getsockname()[1]
    return port
