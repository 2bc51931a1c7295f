"""Follow imports, read their rejects, stop them."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases import review_store, store
from broker.bases.find_base import find_base
from broker.bases.model import ImportRun, OwnReview, Reject, Upload
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, NotFound
from broker.kernel.paging import Page, offset

REJECTS_A_PAGE = 100


def find_import(unit: UnitOfWork, code: str) -> ImportRun:
    """The import of this code, if the actor may see it."""
    run = store.run_by_code(unit, code)
    if run is None:
        raise NotFound(f"There is no import '{code}'.", code="no_import", field="import")
    return run


def list_imports(unit: UnitOfWork, base_code: str) -> list[ImportRun]:
    """The imports of a base, newest first."""
    return store.runs_of_base(unit, find_base(unit, base_code).id)


def import_of_upload(unit: UnitOfWork, upload: Upload) -> ImportRun | None:
    """The last import that took this upload up."""
    return next((run for run in store.runs_of_base(unit, upload.base_id) if run.upload_id == upload.id), None)


def reviews_of(unit: UnitOfWork, run: ImportRun) -> list[OwnReview]:
    """Columns of a base whose words a person of the broker's looks at, or looked at, that this import brought."""
    rows = review_store.reviews_of_base(unit, run.base_id)
    return [OwnReview(**row._mapping) for row in rows if row.header in run.summary.get("columns", {})]


def list_rejects(unit: UnitOfWork, import_code: str, page: int = 1, size: int = REJECTS_A_PAGE) -> Page[Reject]:
    """A page of rejected rows, masked, in the order of lines."""
    run = find_import(unit, import_code)
    items, total = store.rejects(unit, run.id, offset(page, size), size)
    return Page(items, total, page, size)


def reject_columns(unit: UnitOfWork, run: ImportRun) -> list[str]:
    """The columns of a report of rejects: the file's, without those refused; while it runs, those of its first rows."""
    refused = {column["header"] for column in run.summary.get("refused_columns", ())}
    if headers := run.summary.get("headers"):
        return [header for header in headers if header not in refused]
    first, _ = store.rejects(unit, run.id, 0, REJECTS_A_PAGE)
    return list(dict.fromkeys(header for reject in first for header in reject.masked))


def cancel_import(unit: UnitOfWork, code: str) -> None:
    """Stop an import that is waiting or reading; its worker ends at the next block. Nothing of it becomes countable."""
    unit.actor.require("owner")
    run = find_import(unit, code)
    if not store.cancel_run(unit, run.id):
        raise Conflict(f"This import is {run.state}: it cannot be stopped any more.", code="import_ended")
    record(unit, "import.cancelled", "import", code)
