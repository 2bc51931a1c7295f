"""The register of processing of each controller (art. 30 GDPR): one line a base, and the lines it writes itself."""

from __future__ import annotations

from typing import Any, get_args

from sqlalchemy.engine import Row

from broker.audit.record import record
from broker.bases import compliance_store as store
from broker.bases.compliance_model import Activity, LegalBasis
from broker.bases.register_texts import LINES, Language
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import TradeSettings

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
    for field, text in (("name", name), ("purpose", purpose), ("people", people), ("data", data),
                        ("recipients", recipients), ("retention", retention)):  # fmt: skip
        if not text.strip():
            raise InvalidInput(f"The register asks for '{field}' (art. 30(1)).", code="missing_text", field=field)
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


def list_register(unit: UnitOfWork, trade: TradeSettings, language: Language = "en") -> list[Activity]:
    """The registers that the actor may read: lines made from bases first, then those written by hand."""
    made = [_of_base(row, trade, language) for row in store.bases_of_register(unit)]
    return sorted(made + store.activities(unit), key=lambda line: line.controller)


def register_rows(unit: UnitOfWork, trade: TradeSettings, language: Language = "en") -> list[list[str]]:
    """The same as rows of texts under `COLUMNS`."""
    lines = list_register(unit, trade, language)
    return [[str(getattr(line, column)) for column in COLUMNS] for line in lines]


def _of_base(row: Row[Any], trade: TradeSettings, language: Language) -> Activity:
    words = LINES[language]
    contract = words["contract"].format(references=row.contracts) if row.contracts else words["no_contract"]
    return Activity(
        code=None,
        controller=row.controller,
        name=words["name"].format(name=row.name),
        purpose=words["purpose"],
        legal_basis="consent" if row.contact_kind == "b2c" else "legitimate_interest",
        people=words[f"people_{row.contact_kind}"],
        data=words["data"],
        recipients=words["recipients"].format(contract=contract, partners=row.partners),
        retention=words["retention"].format(
            customers=trade.retention_months, prospects=trade.prospect_retention_months
        ),
        transfers=words["transfers"],
        security=words["security"],
    )
