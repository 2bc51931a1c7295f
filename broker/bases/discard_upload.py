"""Take an upload back before it is imported: its sealed pieces are destroyed at once."""

from __future__ import annotations

from broker.audit.record import record
from broker.bases import plan_store, store
from broker.bases.preview import find_upload
from broker.bases.receive import uploads_folder
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict
from broker.kernel.settings import Settings


def discard_upload(unit: UnitOfWork, settings: Settings, upload_code: str) -> None:
    """Destroy what came of a file. Twice is once; refused while an import needs it."""
    unit.actor.require("owner")
    store.lock_upload(unit, upload_code)
    upload = find_upload(unit, upload_code)
    if upload.state == "destroyed":
        return
    if plan_store.is_in_use(unit, upload.id):
        raise Conflict("An import needs this file: stop the import first.", code="upload_in_use")
    for name in upload.sealed_names:
        (uploads_folder(settings) / name).unlink(missing_ok=True)
    store.mark_destroyed(unit, upload.id)
    record(unit, "upload.discarded", "upload", upload_code, base=upload.base_code, bytes=upload.size_bytes)
