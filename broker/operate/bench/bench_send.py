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
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from broker.delivery.sender import LANES
from broker.delivery.sign_eight import eight_signer
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import Settings, load_settings
from broker.operate.bench.send_ours import Ours, running_lanes
from broker.operate.bench.send_peers import (
    PROCESSES,
    Nodemailer,
    openssl_rate,
    sink,
    smtp_source_rate,
    tool,
)
from broker.operate.bench.send_record import recording_cost
from broker.operate.bench.send_scene import HTML, make_mailing, make_scene
from broker.operate.bench.turns import Bench, Measure, take_turns
from broker.operate.database_server import DatabaseServer, running_postgres
from broker.vault.keyring import WorkerKeys, create_keys, load_worker

SIZE = 40_000
CONNECTIONS, DEPTH = 16, 8  # a worker's; after its kill at most the product is in doubt
BATCH = 2_000
SLOW_SHARE = 10  # nodemailer gets a tenth of the mails: it is that much slower
MESSAGE_BYTES = 18_500
AHEAD = "ours, signed ahead"


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
        "in doubt after a kill of a worker, at most": CONNECTIONS * DEPTH,
        "mails": size,
        "signatures": _way_of_signing(keys),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }
    peers: dict[str, Measure] = {"2 x openssl rsa2048": openssl_rate}
    _add_peers(peers, notes, folder, keys, port, size)
    held = server.embedded.process if server.embedded else None
    postmaster = held.pid if held else 0
    with running_lanes(settings, server) as lanes:
        ours = Ours(database, scene, lanes, postmaster, sink_pid)
        ahead = Ours(database, scene, lanes, postmaster, sink_pid, (keys, settings))
        figure, figures = take_turns(ours.round, {**peers, AHEAD: ahead.round}, rounds)
    for name, accrue in (("intent and outcome (goal 40)", False), ("the same with its revenue", True)):
        costs = recording_cost(database, make_mailing(database, scene), CONNECTIONS * DEPTH // LANES, accrue=accrue)
        notes[f"CPU us a mail, {name}"] = f"{sum(costs) * 1e6:.0f}, of that PostgreSQL {costs[1] * 1e6:.0f}"
    notes["load after"] = f"{os.getloadavg()[0]:.1f}"
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
            "smtp-source": f"(1.2 {AHEAD}: below)",
        },
        notes={**notes, **ours.notes(), f"CPU us a mail, {AHEAD}": ahead.parts()},
    )


def _add_peers(
    peers: dict[str, Measure], notes: dict[str, object], folder: Path, keys: WorkerKeys, port: int, size: int
) -> None:
    source = tool("smtp-source")
    if source is None:
        notes["NOT MEASURED: smtp-source"] = "not installed (Debian: apt-get install postfix)"
    else:
        peers["smtp-source"] = lambda: smtp_source_rate(source, port, size, MESSAGE_BYTES)
    nodemailer = Nodemailer(folder, next(iter(keys.dkim.values())), HTML)
    missing = nodemailer.install()
    if missing:
        notes["NOT MEASURED: nodemailer"] = missing
    else:
        peers["nodemailer pool, DKIM"] = lambda: nodemailer.rate(port, max(PROCESSES, size // SLOW_SHARE))


def _way_of_signing(keys: WorkerKeys) -> str:
    """Whether eight signatures are made at a time here."""
    key = load_pem_private_key(next(iter(keys.dkim.values())).encode("ascii"), None)
    if isinstance(key, rsa.RSAPrivateKey) and eight_signer(key) is not None:
        return "eight at a time (crypto_mb, AVX-512 IFMA)"
    return "one by one (no AVX-512 IFMA, or the extra quick-signing is not installed)"


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
