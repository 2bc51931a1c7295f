"""A base's snapshot worked out anew from itself and its purchases: the owner changed what is worked out of them."""

from __future__ import annotations

from broker.audience import build_store, compact_store
from broker.audience.build_snapshot import write_rows
from broker.audience.customer_columns import StudyOf
from broker.audience.measure import measure_snapshot
from broker.audience.table import open_duckdb
from broker.audit.record import record
from broker.kernel.database import Database
from broker.kernel.settings import Settings
from broker.vault.keyring import WorkerKeys


def renew_snapshot(
    database: Database, worker_keys: WorkerKeys, settings: Settings, base_id: int, study_of: StudyOf
) -> int | None:
    """Write the next snapshot of a base and make it current; its id, or None for a base without contacts.

    It waits for builds of the same base, and they for it.
    """
    folder = settings.state_dir / "snapshots"
    with database.begin() as unit:
        base = compact_store.lock_base(unit, base_id)
        if base is None or base.file_name is None:
            return None
        name = f"{base_id}-{base.next_number:06d}-renewed.parquet"
        study = study_of(unit, base_id)
        connection = open_duckdb(settings.audience.memory_mb, settings.audience.threads)
        before = folder / base.file_name
        try:
            written = write_rows(
                unit, connection, base_id, False, {}, None, before, folder / name, worker_keys, None, study
            )
        finally:
            connection.close()
        snapshot_id = build_store.insert_snapshot(
            unit,
            base_id,
            base.next_number,
            None,
            name,
            written,
        )
        measure_snapshot(unit, settings, base_id, snapshot_id, base.next_number, folder / name, before)
        compact_store.make_current(unit, base_id, snapshot_id)
        study.keep(unit, snapshot_id)
        unit.enqueue("build_insight", snapshot_id)
        record(unit, "snapshot.renewed", "base", base.code, number=base.next_number, rows=written.rows)
    return snapshot_id
