"""The end of reading: counters, then the snapshot build."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases import import_store
from broker.bases.check import CheckResult
from broker.bases.model import ImportRun
from broker.kernel.database import UnitOfWork


def finish(unit: UnitOfWork, run: ImportRun, result: CheckResult) -> bool:
    """Write the last counters and ask for the snapshot in the same transaction; False where it was cancelled."""
    if not import_store.report_progress(unit, run.id, result, whole=True):
        return False
    import_store.move_to_building(unit, run.id)
    unit.enqueue("build_snapshot", run.id)
    record(
        unit,
        "import.read",
        "import",
        run.code,
        base=run.base_code,
        kind=run.kind,
        rows=result.rows,
        accepted=result.accepted,
        rejected=result.rejected,
        duplicates=result.duplicates,
        refused_columns=len(result.refused_columns),
    )
    return True
