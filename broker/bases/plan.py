"""What an owner decides of an upload before it is imported: each column's field, how fields merge, how it is read.

The plan is kept with the upload, tried by a dry run if the owner wants one, and started as it stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from broker.bases import mapping_store, plan_store, store
from broker.bases.fields import IGNORE, TRAIT
from broker.bases.merge_policy import checked_policies
from broker.bases.model import ImportRun, Upload
from broker.bases.preview import asked, find_preview, find_upload
from broker.bases.propose_mapping import propose_mapping
from broker.bases.reading import Reading, checked_reading
from broker.bases.start_import import start_import
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput

# One of each group must be there: a contact has an address; a line has a person, a day and, bought, an amount.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    "contacts": (("email",),),
    "purchases": (("reference", "email"), ("day",), ("amount",)),
    "visits": (("reference", "email"), ("day",)),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """`check_state` is none, waiting, running, done or failed; `checked` as `check_upload` writes it."""

    mapping: dict[str, str]
    policies: dict[str, str]
    reading: Reading
    check_state: str
    checked: dict[str, Any]


def plan_import(
    unit: UnitOfWork,
    upload_code: str,
    mapping: Mapping[str, str],
    policies: Mapping[str, str] | None = None,
    reading: Mapping[str, Any] | None = None,
) -> Plan:
    """Keep what was decided. Refused where two columns are one field, a needed one is missing, or a word is unknown.

    The columns are those that the preview saw: headers it did not see are refused. Without `policies` the base's last
    ones hold.
    """
    unit.actor.require("owner")
    upload = planned_upload(unit, upload_code)
    seen = preview_as_read(unit, upload_code)
    if seen is None or "columns" not in seen:
        raise Conflict("The columns are not looked at yet: wait a moment.", code="no_preview")
    allowed = [column["header"] for column in seen["columns"] if not column["refused"]]
    chosen = {header: field for header, field in mapping.items() if header in allowed or header not in _headers(seen)}
    proposed = {column["header"]: column["field"] for column in seen["columns"] if not column["refused"]}
    whole = propose_mapping(allowed, {}, upload.kind, _filled_up(proposed, chosen))
    _require_needed(upload, whole)
    given = dict(policies or {})
    if upload.kind == "contacts":
        checked_policies(given)
        if policies is None:
            given = mapping_store.remembered_policies(unit, upload.base_id)
    how = checked_reading(reading or {})
    if (want := asked(how)) != seen["asked"]:
        raise Conflict(
            "The columns were seen with another encoding, separator or order of dates: have the file read again first.",
            code="read_otherwise",
            details={"asked": want, "seen": seen["asked"]},
        )
    old = find_plan(unit, upload_code)
    if old is not None and not how.domains and old.checked:
        how = replace(how, domains=old.reading.domains)
    plan_store.write_plan(unit, upload.id, upload.base_id, whole, given, how.as_dict())
    plan = find_plan(unit, upload_code)
    assert plan is not None
    return plan


def read_anew(unit: UnitOfWork, upload_code: str, reading: Mapping[str, Any]) -> None:
    """Have a worker look again, with another encoding, separator or order of dates; the columns are proposed anew."""
    unit.actor.require("owner")
    upload = planned_upload(unit, upload_code)
    plan_store.write_plan(unit, upload.id, upload.base_id, {}, {}, checked_reading(reading).as_dict())
    unit.enqueue("preview_upload", upload.id)


def preview_as_read(unit: UnitOfWork, upload_code: str) -> dict[str, Any] | None:
    """What a worker saw, or None while it looks: for the first time, or again after `read_anew`."""
    seen, plan = find_preview(unit, upload_code), find_plan(unit, upload_code)
    if seen is not None and plan is not None and seen.get("asked") != asked(plan.reading):
        return None
    return seen


def find_plan(unit: UnitOfWork, upload_code: str) -> Plan | None:
    """What was decided so far of an upload."""
    row = plan_store.plan_of(unit, find_upload(unit, upload_code).id)
    if row is None:
        return None
    return Plan(row.mapping, row.policies, Reading.of(row.reading), row.check_state, row.checked)


def ask_check(unit: UnitOfWork, upload_code: str) -> None:
    """Have a worker try the plan on the file; nothing is written into the base."""
    unit.actor.require("owner")
    upload = planned_upload(unit, upload_code)
    _required_plan(unit, upload_code)
    plan_store.ask_for_check(unit, upload.id)
    unit.enqueue("check_upload", upload.id)


def accept_domains(unit: UnitOfWork, upload_code: str, misspelt: Collection[str]) -> Plan:
    """Of the misspelt domains that the dry run found, those that the import shall write right (and count)."""
    unit.actor.require("owner")
    upload = planned_upload(unit, upload_code)
    plan = _required_plan(unit, upload_code)
    found = {typo["domain"]: typo["meant"] for typo in plan.checked.get("typos", [])}
    if unknown := sorted(set(misspelt) - found.keys()):
        raise InvalidInput(f"The check did not propose to correct '{unknown[0][:60]}'.", code="unknown_domain")
    reading = replace(plan.reading, domains={wrong: found[wrong] for wrong in sorted(misspelt)})
    plan_store.write_reading(unit, upload.id, reading.as_dict())
    return replace(plan, reading=reading)


def start_planned(unit: UnitOfWork, upload_code: str, *, contract_required: bool = True) -> ImportRun:
    """Start the import as it was planned."""
    plan = _required_plan(unit, upload_code)
    upload = planned_upload(unit, upload_code)
    return start_import(
        unit,
        upload_code,
        plan.mapping,
        plan.policies if upload.kind == "contacts" else None,
        reading=plan.reading.as_dict(),
        contract_required=contract_required,
    )


def open_uploads(unit: UnitOfWork, base_id: int) -> list[Upload]:
    """Files of a base that came, or began to, and that no import has taken up."""
    found = (store.upload_by_code(unit, code) for code in plan_store.open_uploads(unit, base_id))
    return [upload for upload in found if upload is not None]


def planned_upload(unit: UnitOfWork, upload_code: str) -> Upload:
    """An upload that can still be planned."""
    upload = find_upload(unit, upload_code)
    if upload.state == "receiving":
        raise Conflict("This file is not whole yet: send the rest first.", code="upload_not_whole")
    if upload.state != "received":
        raise Conflict("This file is not there any more: upload it again.", code="upload_gone")
    return upload


def _required_plan(unit: UnitOfWork, upload_code: str) -> Plan:
    plan = find_plan(unit, upload_code)
    if plan is None or not plan.mapping:
        raise Conflict("Say first what the columns are.", code="no_plan")
    return plan


def _headers(seen: Mapping[str, Any]) -> list[str]:
    return [column["header"] for column in seen["columns"]]


def _filled_up(proposed: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """The owner's words, then what was proposed of the rest as far as it contradicts none of them."""
    taken = {field for field in chosen.values() if field not in (IGNORE, "", "-", "ignore")}
    rest = {
        header: IGNORE if field in taken and not field.startswith(TRAIT) else field
        for header, field in proposed.items()
        if header not in chosen
    }
    return {**rest, **chosen}


def _require_needed(upload: Upload, mapping: Mapping[str, str]) -> None:
    fields = set(mapping.values())
    for group in NEEDED[upload.kind]:
        if not fields.intersection(group):
            names = " or ".join(name.replace("_", " ") for name in group)
            raise InvalidInput(
                f"A file of {upload.kind} needs a column for: {names}. Choose it in the list.",
                code=f"needs_{group[0]}",
                field="mapping",
            )
