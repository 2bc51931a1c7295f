"""Start the import of a received file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from broker.audit.record import record
from broker.bases import enrichment_store, mapping_store, store
from broker.bases.contract import require_contract
from broker.bases.fields import IGNORE, TRAIT, known_fields
from broker.bases.merge_policy import checked_policies
from broker.bases.model import ImportRun
from broker.bases.reading import checked_reading
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code

JOBS = {"contacts": "import_base", "purchases": "import_purchases", "visits": "import_purchases"}


def start_import(
    unit: UnitOfWork,
    upload_code: str,
    mapping: Mapping[str, str] | None = None,
    policies: Mapping[str, str] | None = None,
    *,
    reading: Mapping[str, Any] | None = None,
    by_job: bool = True,
    contract_required: bool = True,
    enriches: bool = False,
) -> ImportRun:
    """An import of this upload, waiting for a worker (`by_job`) or for the caller.

    `mapping` (header → field) corrects what the headers propose, and is remembered for the base's next files; headers
    are checked when the file is opened. `policies` (field → newest, keep, non_empty) say how a known contact is
    renewed; without them those of the last import hold. `reading` corrects how the file is read (`Reading`).
    `enriches` (or an upload made for it) takes known contacts alone: unknown addresses are rejected and reported.
    Refused without the base's contract in force (art. 26 or 28 GDPR) unless the settings ask for none.
    """
    unit.actor.require("owner")
    upload = store.upload_by_code(unit, upload_code)
    if upload is None:
        raise NotFound(f"There is no upload '{upload_code}'.", code="no_upload", field="upload")
    if upload.state == "receiving":
        raise Conflict("This file is not whole yet: send the rest first.", code="upload_not_whole")
    if upload.state != "received":
        raise Conflict("This file was imported and destroyed already: upload it again.", code="upload_gone")
    if contract_required:
        require_contract(unit, upload.base_code)
    for header, field in (mapping or {}).items():
        fields = known_fields(upload.kind)
        if field not in (*fields, IGNORE, "ignore", "trait", "", "-") and not field.startswith(TRAIT):
            near = difflib.get_close_matches(field, fields, n=1, cutoff=0.5)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise InvalidInput(f"There is no field '{field}'.{hint}", code="unknown_field", field=header)
    enriches = enriches or enrichment_store.upload_enriches(unit, upload.id)
    if enriches and upload.kind != "contacts":
        raise InvalidInput("Only a file of contacts enriches.", code="no_enrichment", field="enriches")
    code = new_code("imp")
    how = checked_reading(reading or {})
    if policies is None:
        kept = mapping_store.remembered_policies(unit, upload.base_id) if upload.kind == "contacts" else {}
    else:
        kept = checked_policies(policies)
        mapping_store.remember_policies(unit, upload.base_id, kept, policies)
    run_id = store.add_run(unit, code, upload, dict(mapping or {}), kept, how.as_dict(), enriches)
    mapping_store.remember(unit, upload.base_id, upload.kind, mapping or {}, how.types)
    if by_job:
        unit.enqueue(JOBS[upload.kind], run_id)
    record(unit, "import.started", "import", code, base=upload.base_code, kind=upload.kind, enriches=enriches)
    run = store.run_by_code(unit, code)
    assert run is not None
    return run
