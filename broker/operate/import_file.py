"""`courtier base import`: the whole way of an upload in one process, on the machine that has database and keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from broker.audience.build_snapshot import build_snapshot
from broker.bases.check import CheckResult
from broker.bases.contract import require_contract
from broker.bases.find_base import find_base
from broker.bases.imports import find_import, list_imports
from broker.bases.model import ENDED, ImportRun
from broker.bases.receive import receive_upload
from broker.bases.rejects import RejectedRow, RejectsFile
from broker.bases.run_import import run_import
from broker.bases.start_import import start_import
from broker.insight.customer_study import study_of
from broker.kernel.database import Database, UnitOfWork, make_engine
from broker.kernel.errors import Conflict, InvalidInput, NotFound, Unavailable
from broker.kernel.settings import Settings
from broker.operate.database_server import running_postgres
from broker.operate.state import State
from broker.vault.keyring import WorkerKeys, holds_worker_keys, load_worker

_PIECE = 1 << 20


def import_file(
    settings: Settings,
    file: Path,
    base_code: str,
    kind: str,
    mapping: dict[str, str],
    rejects: Path | None,
    show: Callable[[CheckResult], None],
    policies: dict[str, str] | None = None,
    reading: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Import `file` and build the snapshot; the keys of `courtier base import --json`.

    Without `policies` those of the base's last import hold. Raises `Unavailable` where this machine has no workers'
    keys, `Conflict` where the import was refused.
    """
    if not file.is_file():
        raise InvalidInput(f"{file} is no file that can be read.", code="unreadable_file")
    if rejects is not None and kind != "contacts":
        raise InvalidInput(
            "--rejects is for contacts; of purchases and visits the import keeps masked rejects.", code="bad_option"
        )

    def begin(unit: UnitOfWork, keys: WorkerKeys) -> ImportRun:
        find_base(unit, base_code)
        if settings.trade.contract_required:
            require_contract(unit, base_code)
        upload = receive_upload(unit, keys.front, settings, base_code, kind, file.name, pieces(file))
        return start_import(
            unit, upload.code, mapping, policies,
            reading=reading, by_job=False, contract_required=settings.trade.contract_required,
        )  # fmt: skip

    return _import(settings, begin, rejects, show)


def resume_import(settings: Settings, base_code: str, show: Callable[[CheckResult], None]) -> dict[str, Any]:
    """Go on with the base's import that was stopped in its middle, after its last whole block; the same keys.

    Raises `NotFound` (`nothing_to_resume`) where none is open.
    """

    def find(unit: UnitOfWork, keys: WorkerKeys) -> ImportRun:
        runs = list_imports(unit, base_code)
        run = next((run for run in runs if run.state not in ENDED), None)
        if run is None:
            # A worker takes up what was cut off, and may have been quicker.
            last = f"the last one, {runs[0].file_name}, is {runs[0].state}" if runs else "it has none"
            again = "" if runs and runs[0].state == "done" else " Import the file again."
            raise NotFound(
                f"No import of {base_code} is open: {last}.{again}",
                code="nothing_to_resume",
                field="base",
            )
        return run

    return _import(settings, find, None, show)


def _import(
    settings: Settings,
    begin: Callable[[UnitOfWork, WorkerKeys], ImportRun],
    rejects: Path | None,
    show: Callable[[CheckResult], None],
) -> dict[str, Any]:
    if not holds_worker_keys(settings.key_dir):
        raise Unavailable(
            f"The workers' keys are not in {settings.key_dir}, and an import seals with them. Run this on the machine "
            "where Courtier runs (courtier up makes the keys), or name its settings with --config.",
            code="no_worker_keys",
        )
    State.of(settings).make()
    keys = load_worker(settings.key_dir)
    with running_postgres(settings) as server:
        database = Database(make_engine(server.url("worker"), settings.database.pool_size))
        with database.begin() as unit:
            run = begin(unit, keys)
        writer: RejectsFile | None = None

        def follow(result: CheckResult, rows: Sequence[RejectedRow]) -> None:
            nonlocal writer
            if rejects is not None:
                writer = writer or RejectsFile(rejects, list(result.columns))
                writer.write(rows)
            show(result)

        try:
            run_import(database, keys, settings, run.id, follow)
            build_snapshot(database, keys, settings, run.id, study_of=study_of)
        finally:
            if writer is not None:
                writer.close()
        with database.begin() as unit:
            done = find_import(unit, run.code)
            number = unit.scalar("SELECT number FROM snapshot WHERE id = :id", id=done.snapshot_id)
        database.engine.dispose()
    if done.state != "done":
        code = done.summary.get("problem_code", "import_refused")
        raise Conflict(done.problem or f"The import ended as {done.state}.", code=code)
    counts = {name: getattr(done, name) for name in ("accepted", "rejected", "duplicates", "rentable")}
    return {"rows": done.rows_read, **counts, **done.summary, "snapshot": number}


def pieces(file: Path) -> Iterator[bytes]:
    """A file in pieces of a megabyte."""
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece
