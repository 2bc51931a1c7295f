"""A whole import beside a bare parse of the same file and beside a pipeline of the libraries alone."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from broker.audience.build_snapshot import build_snapshot
from broker.bases.import_lanes import lanes_for
from broker.bases.imports import find_import
from broker.bases.receive import receive_upload
from broker.bases.run_import import run_import
from broker.bases.start_import import start_import
from broker.kernel.database import Database, make_engine
from broker.kernel.settings import Settings
from broker.operate.bench.import_scene import make_owner, write_file
from broker.operate.bench.turns import Bench, take_turns
from broker.operate.database_server import running_postgres
from broker.operate.import_file import pieces
from broker.operate.state import State
from broker.vault.keyring import WorkerKeys, create_keys, load_worker

DEFAULT_ROWS = 1_000_000
PARSE, PIPELINE = "pyarrow.csv, one thread", "libraries alone"
_BARE = """
CREATE TABLE bare (id bigint PRIMARY KEY, contact_key bytea NOT NULL UNIQUE, sealed bytea NOT NULL);
"""


def run(settings: Settings, size: int | None, rounds: int) -> Bench:
    """Rows a second of `size` accepted contacts (a million) in 15 columns; every contender reads the same file."""
    with tempfile.TemporaryDirectory(prefix="courtier-bench-") as scratch:
        folder = Path(scratch)
        folder.chmod(0o711)  # the database runs as a user of its own
        instance = replace(settings.instance, name="bench", state_dir=str(folder / "state"))
        own = replace(settings, instance=instance, database=type(settings.database)())
        State.of(own).make()
        create_keys(own.key_dir, "bench.example", "s1")
        keys = load_worker(own.key_dir)
        file, rows = write_file(folder, size or DEFAULT_ROWS)
        file_size = file.stat().st_size
        with running_postgres(own) as server:
            database = Database(make_engine(server.url("worker"), own.database.pool_size))
            stages: dict[str, list[float]] = {}
            ours, peers = take_turns(
                lambda: rows / _whole_import(database, keys, own, server.url("admin"), file, stages),
                {
                    PARSE: lambda: rows / _timed(lambda: _parse(file, threads=False)),
                    "pyarrow.csv, all threads": lambda: rows / _timed(lambda: _parse(file, threads=True)),
                    PIPELINE: lambda: rows / _pipeline(server.url("admin"), folder, file),
                },
                rounds,
            )
            database.engine.dispose()
    middle = {name: sorted(times)[len(times) // 2] for name, times in stages.items()}
    return Bench(
        "import",
        "rows/s",
        ours,
        peers,
        {PARSE: "≥ 0.08"},
        {
            "rows": rows,
            "columns": 15,
            "stages, µs a row": {name: round(seconds / rows * 1e6, 2) for name, seconds in middle.items()},
            "peak memory, MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "peak memory of the largest helper, MiB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
            "helper processes": lanes_for(file_size),
            "load of the machine at the end": round(os.getloadavg()[0], 1),
        },
    )


def _whole_import(
    database: Database, keys: WorkerKeys, settings: Settings, admin: str, file: Path, stages: dict[str, list[float]]
) -> float:
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("TRUNCATE contact CASCADE")
        connection.execute("CHECKPOINT")
    owner = make_owner(database)
    begin = time.perf_counter()
    with database.begin(owner.actor) as unit:
        upload = receive_upload(unit, keys.front, settings, owner.base_code, "contacts", file.name, pieces(file))
        run = start_import(unit, upload.code, by_job=False, contract_required=False)
    sealed, cpu = time.perf_counter(), _cpu()
    run_import(database, keys, settings, run.id)
    read, used = time.perf_counter(), _cpu() - cpu
    build_snapshot(database, keys, settings, run.id)
    end = time.perf_counter()
    with database.begin() as unit:
        assert find_import(unit, run.code).state == "done"
    for name, seconds in (
        ("sealing the upload", sealed - begin),
        ("reading, checking, sealing, COPY", read - sealed),
        ("CPU of that in our processes", used),
        ("snapshot", end - read),
    ):
        stages.setdefault(name, []).append(seconds)
    return end - begin


def _cpu() -> float:
    """Seconds of CPU of this process and of its children that ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _timed(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def _parse(file: Path, *, threads: bool) -> pa.Table:
    return pacsv.read_csv(
        file,
        read_options=pacsv.ReadOptions(use_threads=threads),
        parse_options=pacsv.ParseOptions(
            delimiter=";", newlines_in_values=True, invalid_row_handler=lambda row: "skip"
        ),
    )


def _pipeline(admin: str, folder: Path, file: Path) -> float:
    """Parse, seal each row, a keyed hash of each address, COPY, Parquet: no check, in one process."""
    with psycopg.connect(admin) as connection:
        connection.execute("DROP TABLE IF EXISTS bare")
        connection.execute(_BARE)
        begin = time.perf_counter()
        table = _parse(file, threads=True)
        texts = [column.cast(pa.string()).to_pylist() for column in table.columns]
        cipher, key = AESGCM(AESGCM.generate_key(256)), os.urandom(32)
        seen: set[bytes] = set()
        with connection.cursor() as cursor, cursor.copy("COPY bare FROM STDIN (FORMAT binary)") as copy:
            copy.set_types(("int8", "bytea", "bytea"))
            for number, cells in enumerate(zip(*texts, strict=True)):
                address = (cells[4] or "").strip().lower()
                mark = blake2b(address.encode(), key=key, digest_size=16).digest()
                if mark in seen:
                    continue
                seen.add(mark)
                nonce = os.urandom(12)
                sealed = cipher.encrypt(nonce, ";".join(cell or "" for cell in cells).encode(), None)
                copy.write_row((number, mark, nonce + sealed))
        connection.commit()
        pq.write_table(table, folder / "bare.parquet", compression="zstd")
        return time.perf_counter() - begin
