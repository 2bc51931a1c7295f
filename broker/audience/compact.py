"""Job `compact_base`: the current snapshot without those who were erased since; earlier files go, too."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from broker.audience import build_store, compact_store
from broker.audience.coded_file import codes_path
from broker.audience.measure import measure_snapshot
from broker.audience.snapshot_file import ROW_GROUP, WrittenSnapshot, write_snapshot
from broker.audience.table import open_duckdb
from broker.audit.record import record
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.blind_index import noise_of
from broker.vault.keyring import WorkerKeys


def compact_base(database: Database, worker_keys: WorkerKeys, settings: Settings, base_id: int) -> int:
    """Rewrite a base's snapshot without erased contacts; returns how many left. Twice is once.

    It waits for builds of the same base, and they for it. Files of earlier snapshots, which nobody reads any more,
    still hold those people's traits: they are removed once the new one is committed. Their rows stay. Contacts that
    are empty shells now go as well, unless an import is under way that could still name them.
    """
    folder = settings.state_dir / "snapshots"
    with database.begin() as unit:
        base = compact_store.lock_base(unit, base_id)
        if base is None or base.file_name is None:
            return 0
        gone = build_store.erased(unit, base_id)
        if gone:
            name = f"{base_id}-{base.next_number:06d}-compacted.parquet"
            written = _rewrite(folder / base.file_name, folder / name, gone, settings, worker_keys)
            snapshot_id = build_store.insert_snapshot(
                unit,
                base_id,
                base.next_number,
                None,
                name,
                written,
            )
            measure_snapshot(
                unit, settings, base_id, snapshot_id, base.next_number, folder / name, folder / base.file_name
            )
            compact_store.make_current(unit, base_id, snapshot_id)
            unit.enqueue("build_insight", snapshot_id)
            compact_store.forget_shells(unit, base_id, gone)
            record(unit, "snapshot.compacted", "base", base.code, number=base.next_number, erased=len(gone))
        else:
            name = base.file_name
    _remove_earlier(folder, base_id, name)
    return len(gone)


def _rewrite(before: Path, target: Path, gone: Sequence[int], settings: Settings, keys: WorkerKeys) -> WrittenSnapshot:
    connection = open_duckdb(settings.audience.memory_mb, settings.audience.threads)
    try:
        connection.register("erased", pa.table({"contact_id": pa.array(gone, pa.int64())}))
        place = str(before.absolute()).replace("'", "''")
        reader = connection.sql(
            f"SELECT * EXCLUDE (noise) FROM read_parquet('{place}')"  # noqa: S608 - our own path, quoted
            " WHERE contact_id NOT IN (SELECT contact_id FROM erased) ORDER BY contact_key"
        ).to_arrow_reader(ROW_GROUP)
        return write_snapshot(target, iter(reader), reader.schema, lambda raw: noise_of(keys, raw))
    finally:
        connection.close()


def _remove_earlier(folder: Path, base_id: int, current: str) -> None:
    number = current.split("-")[1]
    for path in folder.glob(f"{base_id}-*.parquet"):
        if path.name != current and path.name.split("-")[1] < number:
            codes_path(path).unlink(missing_ok=True)
            path.unlink(missing_ok=True)
