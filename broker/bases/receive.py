"""Receive an owner's file: sealed while it streams in, so that no process facing the network can read it again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from broker.audit.record import record
from broker.bases import store
from broker.bases.find_base import find_base
from broker.bases.model import FileKind, Upload
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import InvalidInput
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.vault.keyring import FrontKeys
from broker.vault.sealed_file import shown_name, write_sealed


def uploads_folder(settings: Settings) -> Path:
    """Where sealed uploads lie: written by the front, read and destroyed by workers."""
    return settings.state_dir / "uploads"


def receive_upload(
    unit: UnitOfWork,
    front: FrontKeys,
    settings: Settings,
    base_code: str,
    kind: str,
    file_name: str,
    chunks: Iterable[bytes],
) -> Upload:
    """Seal `chunks` into the uploads folder; kind is one of `FILE_KINDS`.

    Nothing stays behind where it fails: not the row (the unit rolls back), not the file.
    """
    unit.actor.require("owner")
    if kind not in get_args(FileKind):
        raise InvalidInput(
            f"A file holds {' or '.join(get_args(FileKind))}, not '{kind}'.", code="bad_kind", field="kind"
        )
    base = find_base(unit, base_code)
    code = new_code("up")
    store.add_upload(unit, code, base.id, kind, shown_name(file_name))
    upload = store.upload_by_code(unit, code)
    assert upload is not None
    path = uploads_folder(settings) / upload.sealed_name
    size = write_sealed(front, path, upload.info, chunks, settings.web.max_upload_mb)
    store.complete_upload(unit, code, path.name, size)
    record(unit, "upload.received", "upload", code, base=base.code, kind=kind, bytes=size)
    received = store.upload_by_code(unit, code)
    assert received is not None
    return received


def destroy_ended_uploads(unit: UnitOfWork, settings: Settings) -> int:
    """Destroy the sealed files that nobody needs any more; how many.

    A file that was read goes at once. One whose import failed or was stopped, or that no import ever asked for, stays
    for `trade.upload_retention_hours`, so that it can be read again with another mapping.
    """
    uploads = store.uploads_to_destroy(unit, settings.trade.upload_retention_hours)
    for upload in uploads:
        for name in upload.sealed_names:
            (uploads_folder(settings) / name).unlink(missing_ok=True)
        store.mark_destroyed(unit, upload.id)
    return len(uploads)
