"""What a file would be taken for, before it is imported: each column's field, with masked samples.

The front cannot open what it sealed, so a worker looks; nothing but masked values comes back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, BinaryIO

from broker.bases import mapping_store, plan_store, review_store, store
from broker.bases.dates import is_month_first
from broker.bases.fields import IGNORE, TRAIT, Kind
from broker.bases.find_base import find_base
from broker.bases.masks import mask
from broker.bases.merge_policy import default_policy
from broker.bases.model import Upload
from broker.bases.open_upload import opened_upload
from broker.bases.propose_mapping import propose_mapping, still_fitting
from broker.bases.read_table import TableReader
from broker.bases.reading import AS_FOUND, Reading
from broker.bases.refused_columns import refused_columns
from broker.bases.sensitive import decided
from broker.bases.traits import TraitWatch
from broker.bases.why_proposed import why_proposed
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import Conflict, CourtierError, NotFound
from broker.kernel.settings import Settings
from broker.vault.keyring import WorkerKeys

SAMPLES_SHOWN = 4
DATES = frozenset({"birth_date", "consent_at", "consent_withdrawn", "day"})


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
        types = mapping_store.remembered_types(unit, upload.base_id, upload.kind)
        policies = mapping_store.remembered_policies(unit, upload.base_id)
        plan = plan_store.plan_of(unit, upload_id)
        verdicts = review_store.verdicts(unit, upload.base_id)
    if upload.state != "received":
        return
    reading = Reading.of(plan.reading if plan else {})
    try:
        with opened_upload(upload, worker_keys, settings) as stream:
            seen = describe(stream, upload.kind, remembered, types, policies, verdicts, reading)
    except CourtierError as error:
        seen = {"problem": error.sentence, "code": error.code}
    seen["asked"] = asked(reading)
    with database.begin() as unit:
        mapping_store.write_preview(unit, upload_id, seen)


def asked(reading: Reading) -> dict[str, Any]:
    """With what a preview was made: another encoding, separator or order of dates needs another one."""
    return {"encoding": reading.encoding, "delimiter": reading.delimiter, "month_first": reading.month_first}


def describe(
    stream: BinaryIO,
    kind: Kind,
    remembered: Mapping[str, str],
    types: Mapping[str, str] = MappingProxyType({}),
    policies: Mapping[str, str] = MappingProxyType({}),
    verdicts: Mapping[str, tuple[str, str, str]] = MappingProxyType({}),
    reading: Reading = AS_FOUND,
) -> dict[str, Any]:
    """encoding, delimiter, month_first, `missing` (headers of earlier files that this one lacks), and `columns` in the
    file's order: header, field, why, type, found_type, samples, filled, refused, remembered, fresh, policy.
    """
    reader = TableReader(stream, reading)
    samples = {header: [row[at] for row in reader.sample_rows] for at, header in enumerate(reader.headers)}
    refused = refused_columns(reader.headers, samples) if kind == "contacts" else {}
    for header in reader.headers:
        verdict, category, reason = verdicts.get(header, ("", "", ""))
        if verdict == "refused":
            refused.setdefault(header, decided(category, reason))
    allowed = [header for header in reader.headers if header not in refused]
    mapping = propose_mapping(allowed, samples, kind, still_fitting(remembered, allowed, {}))
    columns = []
    for header in reader.headers:
        field = mapping.get(header)
        filled = [cell for cell in samples[header] if cell.strip()]
        shown = [] if field is None else [mask(cell) for cell in dict.fromkeys(filled)][:SAMPLES_SHOWN]
        name = field.removeprefix(TRAIT) if field and field.startswith(TRAIT) else ""
        found = _type(samples[header]) if kind == "contacts" and header not in refused else None
        columns.append(
            {
                "header": header,
                "field": field,
                "why": None if field is None else why_proposed(header, samples[header], field, kind, remembered),
                "type": (types.get(name) or found) if name else None,
                "found_type": found,
                "samples": shown,
                "refused": refused[header].why if header in refused else None,
                "refused_for": refused[header].of_column(header) if header in refused else None,
                "filled": round(100 * len(filled) / len(samples[header])) if samples[header] else 0,
                "remembered": header in remembered,
                "fresh": bool(remembered) and header not in remembered,
                "policy": policies.get(field, default_policy(field)) if field else None,
            }
        )
    return {
        "encoding": reader.encoding,
        "delimiter": reader.delimiter,
        "month_first": _month_first(mapping, columns, samples) if reading.month_first is None else reading.month_first,
        "missing": [header for header, field in remembered.items() if field != IGNORE and header not in samples],
        "columns": columns,
    }


def _month_first(
    mapping: Mapping[str, str], columns: Sequence[Mapping[str, Any]], samples: Mapping[str, list[str]]
) -> bool | None:
    """How days are written in the columns of dates; None where there is none."""
    dated = [c["header"] for c in columns if c["type"] == "date" or mapping.get(c["header"]) in DATES]
    return any(is_month_first(samples[header]) for header in dated) if dated else None


def _type(cells: list[str]) -> str | None:
    watch = TraitWatch()
    watch.look({cell: cells.count(cell) for cell in set(cells)}, len(set(cells)), len(cells))
    return watch.type()
