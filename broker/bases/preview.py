"""What a file would be taken for, before it is imported: each column's field, with masked samples.

The front cannot open what it sealed, so a worker looks; nothing but masked values comes back.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from broker.bases import mapping_store, store
from broker.bases.fields import TRAIT, Kind
from broker.bases.find_base import find_base
from broker.bases.masks import mask
from broker.bases.merge_policy import default_policy
from broker.bases.model import Upload
from broker.bases.open_upload import opened_upload
from broker.bases.propose_mapping import propose_mapping, still_fitting
from broker.bases.read_table import TableReader
from broker.bases.refused_columns import refused_columns
from broker.bases.traits import TraitWatch
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, NotFound
from broker.kernel.settings import Settings
from broker.vault.keyring import WorkerKeys

SAMPLES_SHOWN = 4


def ask_preview(unit: UnitOfWork, upload_code: str) -> Upload:
    """Have a worker look at a received file; `find_preview` has the answer in a moment."""
    unit.actor.require("owner")
    upload = _own_upload(unit, upload_code)
    if upload.state != "received":
        raise Conflict("This file is not there: upload it again.", code="upload_gone")
    unit.enqueue("preview_upload", upload.id)
    return upload


def find_preview(unit: UnitOfWork, upload_code: str) -> dict[str, Any] | None:
    """The preview, or None while it is being made. Keys as `describe` gives them, or `problem` with the sentence."""
    return mapping_store.preview(unit, _own_upload(unit, upload_code).id)


def find_upload(unit: UnitOfWork, upload_code: str) -> Upload:
    """An upload; how much of it was received says where to go on."""
    return _own_upload(unit, upload_code)


def remembered_mapping(unit: UnitOfWork, base_code: str, kind: Kind) -> dict[str, str]:
    """What the owner said of its columns in earlier imports."""
    return mapping_store.remembered(unit, find_base(unit, base_code).id, kind)


def forget_mapping(unit: UnitOfWork, base_code: str, kind: Kind) -> None:
    """Go back to what headers and values propose."""
    unit.actor.require("owner")
    mapping_store.forget(unit, find_base(unit, base_code).id, kind)


def _own_upload(unit: UnitOfWork, upload_code: str) -> Upload:
    upload = store.upload_by_code(unit, upload_code)
    if upload is None:
        raise NotFound(f"There is no upload '{upload_code}'.", code="no_upload", field="upload")
    return upload


def preview_upload(database: Database, worker_keys: WorkerKeys, settings: Settings, upload_id: int) -> None:
    """Job: look at the first rows of an upload and keep what was seen, masked. Harmless when run twice."""
    with database.begin() as unit:
        upload = store.upload_by_id(unit, upload_id)
        remembered = mapping_store.remembered(unit, upload.base_id, upload.kind)
    if upload.state != "received":
        return
    try:
        with opened_upload(upload, worker_keys, settings) as stream:
            seen = describe(stream, upload.kind, remembered)
    except CourtierError as error:
        seen = {"problem": error.sentence}
    with database.begin() as unit:
        mapping_store.write_preview(unit, upload_id, seen)


def describe(stream: BinaryIO, kind: Kind, remembered: dict[str, str]) -> dict[str, Any]:
    """encoding, delimiter, and `columns` in the file's order: header, field, type, samples, refused, policy."""
    reader = TableReader(stream)
    samples = {header: [row[at] for row in reader.sample_rows] for at, header in enumerate(reader.headers)}
    refused = refused_columns(reader.headers, samples) if kind == "contacts" else {}
    allowed = [header for header in reader.headers if header not in refused]
    mapping = propose_mapping(allowed, samples, kind, still_fitting(remembered, allowed, {}))
    columns = []
    for header in reader.headers:
        field = mapping.get(header)
        shown = [] if field is None else [mask(cell) for cell in samples[header] if cell.strip()][:SAMPLES_SHOWN]
        columns.append(
            {
                "header": header,
                "field": field,
                "type": _type(samples[header]) if field and field.startswith(TRAIT) else None,
                "samples": shown,
                "refused": refused[header].why if header in refused else None,
                "remembered": header in remembered,
                "policy": default_policy(field) if field else None,
            }
        )
    return {"encoding": reader.encoding, "delimiter": reader.delimiter, "columns": columns}


def _type(cells: list[str]) -> str | None:
    watch = TraitWatch()
    watch.look({cell: cells.count(cell) for cell in set(cells)}, len(set(cells)), len(cells))
    return watch.type()
