"""Record the agreement under which a base is worked on, and ask for it before a base's first import (art. 28 GDPR)."""

from __future__ import annotations

from datetime import date
from typing import get_args

from broker.audit.record import record
from broker.bases import compliance_store as store
from broker.bases.compliance_model import Contract, ContractKind
from broker.bases.find_base import find_base
from broker.bases.store import upload_by_code
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code


def record_contract(
    unit: UnitOfWork,
    base_code: str,
    reference: str,
    signatory: str,
    signed_on: date,
    *,
    kind: ContractKind = "processor",
    ends_on: date | None = None,
    document_sha256: str = "",
) -> Contract:
    """Record a signed agreement by its reference, who signed for the owner, and the document's SHA-256 where given."""
    unit.actor.require("owner", "broker")
    base = find_base(unit, base_code)
    if kind not in get_args(ContractKind):
        raise InvalidInput("A contract is 'processor' (art. 28) or 'joint' (art. 26).", code="bad_kind", field="kind")
    for field, value in (("reference", reference), ("signatory", signatory)):
        if not value.strip():
            raise InvalidInput(f"Give the contract's {field}.", code=f"missing_{field}", field=field)
    if signed_on > unit.today:
        raise InvalidInput("A contract is recorded once it is signed.", code="signed_later", field="signed_on")
    if ends_on is not None and ends_on < signed_on:
        raise InvalidInput("A contract ends after it was signed.", code="ends_before", field="ends_on")
    code = new_code("ctr")
    store.add_contract(
        unit,
        code=code,
        org_id=base.org_id,
        base_id=base.id,
        kind=kind,
        reference=reference.strip(),
        document_sha256=_digest(document_sha256),
        signatory=signatory.strip(),
        signed_on=signed_on,
        ends_on=ends_on,
        recorded_by=unit.actor.user_id,
    )
    record(unit, "contract.recorded", "processing_contract", code, base=base_code, kind=kind)
    return next(contract for contract in store.contracts_of(unit, base.id) if contract.code == code)


def list_contracts(unit: UnitOfWork, base_code: str) -> list[Contract]:
    """A base's contracts, the newest first."""
    return store.contracts_of(unit, find_base(unit, base_code).id)


def end_contract(unit: UnitOfWork, code: str, ends_on: date) -> None:
    """Give a contract its last day; after it nothing more is imported under it."""
    unit.actor.require("owner", "broker")
    if not store.end_contract(unit, code, ends_on):
        raise NotFound(f"There is no contract '{code}'.", code="no_contract", field="code")
    record(unit, "contract.ended", "processing_contract", code, ends_on=ends_on.isoformat())


def contract_in_force(unit: UnitOfWork, base_code: str) -> Contract | None:
    """The newest contract of a base that holds today."""
    return next((contract for contract in list_contracts(unit, base_code) if contract.holds_on(unit.today)), None)


def require_contract(unit: UnitOfWork, base_code: str) -> None:
    """Refuse imports into a base without a contract in force; doors call it where the settings ask for one."""
    if contract_in_force(unit, base_code) is None:
        raise Conflict(
            f"Nothing is imported into {base_code} before its processing contract (art. 28 GDPR) is recorded, or after"
            f" it has ended: record one on the base's page, or with POST /bases/{base_code}/contracts.",
            code="contract_missing",
        )


def require_contract_for_upload(unit: UnitOfWork, upload_code: str) -> None:
    """The same for the base that an upload belongs to."""
    upload = upload_by_code(unit, upload_code)
    if upload is None:
        raise NotFound(f"There is no upload '{upload_code}'.", code="no_upload", field="upload")
    require_contract(unit, upload.base_code)


def _digest(written: str) -> bytes | None:
    if not written:
        return None
    try:
        digest = bytes.fromhex(written)
    except ValueError:
        digest = b""
    if len(digest) != 32:
        raise InvalidInput("A SHA-256 is written as 64 hexadecimal digits.", code="bad_sha256", field="document_sha256")
    return digest
