"""Job `build_snapshot`: staged contacts, the snapshot before and the purchase log become the next snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from broker.audience import build_store
from broker.audience.copied import copied
from broker.audience.customer_columns import BOUGHT, AddTraits, Study, StudyOf, customer_columns
from broker.audience.enrichment import keep_changes
from broker.audience.measure import measure_snapshot
from broker.audience.merge import merged_sql
from broker.audience.snapshot_file import ROW_GROUP, WrittenSnapshot, write_snapshot
from broker.audience.supplied import with_supplied
from broker.audience.table import open_duckdb
from broker.audit.record import record
from broker.bases.merge_policy import snapshot_policies
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings
from broker.vault.blind_index import noise_of
from broker.vault.keyring import WorkerKeys


def build_snapshot(
    database: Database,
    worker_keys: WorkerKeys,
    settings: Settings,
    import_id: int,
    add_traits: AddTraits | None = None,
    study_of: StudyOf | None = None,
) -> None:
    """Build the snapshot of one import and make it the base's current one. Harmless when run twice.

    `study_of` gives the base's own study (classes, potential, score), which goes before `add_traits`.

    Builds of one base wait for each other (a row lock for as long as the build takes), since each starts from the
    snapshot before. The staging file goes once the snapshot is committed.
    """
    staging = settings.state_dir / "staging" / f"{import_id}.parquet"
    with database.begin() as unit:
        run = build_store.lock_import(unit, import_id)
        if run is None or run.state in ("done", "failed", "cancelled"):
            return
        if run.kind == "contacts" and not staging.exists():
            raise Conflict("The rows of this import are not staged: import the file again.", code="not_staged")
        folder = settings.state_dir / "snapshots"
        name = f"{run.base_id}-{run.next_number:06d}-{import_id}.parquet"
        connection = open_duckdb(settings.audience.memory_mb, settings.audience.threads)
        study = None if study_of is None else study_of(unit, run.base_id)
        try:
            before = folder / run.before_file if run.before_file else None
            written = write_rows(
                unit,
                connection,
                run.base_id,
                bool(run.summary.get("full_refresh")),
                snapshot_policies(run.policies),
                staging if run.kind == "contacts" else None,
                before,
                folder / name,
                worker_keys,
                add_traits,
                study,
            )
        finally:
            connection.close()
        snapshot_id = build_store.insert_snapshot(
            unit,
            run.base_id,
            run.next_number,
            import_id,
            name,
            written,
        )
        measure_snapshot(unit, settings, run.base_id, snapshot_id, run.next_number, folder / name, before)
        if run.kind == "contacts":
            keep_changes(unit, settings, import_id, run.base_id, staging, before, snapshot_policies(run.policies))
        build_store.finish_import(unit, import_id, run.base_id, snapshot_id)
        if study is not None:
            study.keep(unit, snapshot_id)
        unit.enqueue("build_insight", snapshot_id)
        record(
            unit,
            "snapshot.built",
            "base",
            run.base_code,
            number=run.next_number,
            rows=written.rows,
            rentable=written.rentable,
        )
    staging.unlink(missing_ok=True)


def write_rows(
    unit: UnitOfWork,
    connection: duckdb.DuckDBPyConnection,
    base_id: int,
    full_refresh: bool,
    policies: Mapping[str, str],
    staged: Path | None,
    before: Path | None,
    target: Path,
    keys: WorkerKeys,
    add_traits: AddTraits | None,
    study: Study | None = None,
) -> WrittenSnapshot:
    """The merged rows, with what purchases and the study say of customers, written to `target`."""
    if staged is None and before is None:
        raise Conflict("Purchases need contacts first: import the base's contacts.", code="no_snapshot")
    customers = customer_columns(
        bought_by_customer(unit, base_id), unit.today, add_traits if study is None else study.add_traits
    )
    connection.register("purchases", customers)
    connection.register("erased", pa.table({"contact_id": pa.array(build_store.erased(unit, base_id), pa.int64())}))
    connection.register("unconsented", build_store.unconsented(unit, base_id))
    connection.register("clicks", build_store.last_clicks(unit, base_id))
    sql = merged_sql(
        _view(connection, "staged", staged),
        _view(connection, "before", before),
        [name for name in customers.column_names if name != "contact_id"],
        full_refresh,
        policies,
    )
    if study is not None:
        sql = study.finished(connection, sql)
    sql = with_supplied(unit, connection, base_id, sql)
    reader = connection.sql(sql).to_arrow_reader(ROW_GROUP)
    return write_snapshot(target, iter(reader), reader.schema, lambda raw: noise_of(keys, raw))


def _view(connection: duckdb.DuckDBPyConnection, name: str, path: Path | None) -> dict[str, str]:
    """Make a Parquet file known under a name; its columns and their DuckDB types."""
    if path is None:
        return {}
    place = str(path.absolute()).replace("'", "''")
    connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{place}')")  # noqa: S608 - our own path, quoted
    return {row[0]: row[1] for row in connection.execute(f"DESCRIBE {name}").fetchall()}


def bought_by_customer(unit: UnitOfWork, base_id: int, today: date | None = None) -> pa.Table:
    """One row per contact that bought something (columns BOUGHT), by COPY; with `today`, as that day knew it."""
    day, until = today or unit.today, today or date.max
    return copied(unit, build_store.PURCHASES_COPY, (day, base_id, until), BOUGHT)
