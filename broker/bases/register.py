"""The register of processing of each controller (art. 30 GDPR): one line a base, and the lines it writes itself."""

from __future__ import annotations

from typing import Any, get_args

from sqlalchemy.engine import Row

from broker.audit.record import record
from broker.bases import compliance_store as store
from broker.bases.compliance_model import Activity, LegalBasis
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code

COLUMNS = (
    "controller",
    "name",
    "purpose",
    "legal_basis",
    "people",
    "data",
    "recipients",
    "retention",
    "transfers",
    "security",
)
_SECURITY = (
    "Addresses and identities sealed (AES-256-GCM, keys with the sending processes alone); counts perturbed, rounded"
    " and floored; every change recorded in a chained audit."
)


def write_activity(
    unit: UnitOfWork,
    *,
    name: str,
    purpose: str,
    legal_basis: LegalBasis,
    people: str,
    data: str,
    recipients: str,
    retention: str,
    transfers: str = "",
    security: str = "",
) -> str:
    """Add a line to the organisation's own register; returns its code."""
    if legal_basis not in get_args(LegalBasis):
        known = ", ".join(get_args(LegalBasis))
        raise InvalidInput(f"The legal basis is one of {known} (art. 6).", code="bad_basis", field="legal_basis")
    code = new_code("act")
    try:
        store.add_activity(
            unit,
            code=code,
            org_id=unit.actor.org,
            name=name.strip(),
            purpose=purpose,
            legal_basis=legal_basis,
            people=people,
            data=data,
            recipients=recipients,
            retention=retention,
            transfers=transfers,
            security=security,
        )
    except Conflict as error:
        if error.details.get("constraint") == "processing_activity_org_id_name_key":
            raise Conflict("The register has a line of this name.", code="name_taken", field="name") from None
        raise
    record(unit, "register.written", "processing_activity", code)
    return code


def end_activity(unit: UnitOfWork, code: str) -> None:
    """Take a line out of the register."""
    if not store.end_activity(unit, code):
        raise NotFound(f"The register has no line '{code}'.", code="no_activity", field="code")
    record(unit, "register.ended", "processing_activity", code)


def list_register(unit: UnitOfWork, retention_months: int) -> list[Activity]:
    """The registers that the actor may read: lines made from bases first, then those written by hand."""
    return [_of_base(row, retention_months) for row in store.bases_of_register(unit)] + store.activities(unit)


def register_rows(unit: UnitOfWork, retention_months: int) -> list[list[str]]:
    """The same as rows of texts under `COLUMNS`."""
    lines = list_register(unit, retention_months)
    return [[str(getattr(line, column)) for column in COLUMNS] for line in lines]


def _of_base(row: Row[Any], months: int) -> Activity:
    partners = f"{row.partners} named partners, by mailings that the broker sends; none gets an address"
    contract = f"; contract {row.contracts}" if row.contracts else "; no contract recorded"
    return Activity(
        code=None,
        controller=row.controller,
        name=f"E-mail base {row.name}",
        purpose="Own mailings to customers and prospects; rental of the base and affiliate mailings",
        legal_basis="consent" if row.contact_kind == "b2c" else "legitimate_interest",
        people="Customers and prospects" if row.contact_kind == "b2c" else "Persons at work in organisations",
        data="Identity, addresses, traits, purchases and visits, consents, clicks; nothing of art. 9 or 10",
        recipients=f"The broker as processor{contract}; {partners}",
        retention=f"{months} months after the last purchase, activity, click or message of the person",
        transfers="None",
        security=_SECURITY,
    )
