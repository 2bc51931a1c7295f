"""Have a party's VAT number checked, and keep the answer: the evidence of a supply without VAT."""

from __future__ import annotations

from datetime import datetime

from broker.accounts import store as accounts
from broker.audit.record import record
from broker.billing.invoices import vat_store as store
from broker.billing.invoices.vat_register import VatRegister, compact
from broker.billing.invoices.vat_store import StoredAnswer
from broker.kernel.database import Database, UnitOfWork
from broker.kernel.errors import InvalidInput, NotFound
from broker.kernel.settings import Settings


def ask_vat_check(unit: UnitOfWork, party_code: str) -> None:
    """Ask a worker to check an organisation's VAT number. Raises `InvalidInput` (`no_vat_number`)."""
    unit.actor.require("broker", "accountant")
    found = accounts.organisation_of(unit, party_code)
    if found is None:
        raise NotFound(f"There is no organisation {party_code!r}.", field="party")
    if not found.vat_number:
        raise InvalidInput(f"{found.name} has no VAT number.", code="no_vat_number", field="party")
    unit.enqueue("check_vat", found.id)


def check_vat_number(database: Database, register: VatRegister, settings: Settings, org_id: int) -> None:
    """Ask the register and store what it said, whatever it said; outside a transaction while it is asked."""
    with database.begin() as unit:
        found = accounts.organisation(unit, org_id)
    if found is None or not found.vat_number:
        return
    answer = register.ask(compact(found.vat_number), compact(settings.company.vat_number))
    with database.begin() as unit:
        store.insert(unit, org_id, found.vat_number, answer)
        record(unit, "vat.checked", "organisation", found.code, valid=answer.valid, source=answer.source)


def vat_answers(unit: UnitOfWork, since: datetime | None = None) -> list[StoredAnswer]:
    """Answers that the actor may see, the newest first."""
    return store.answers(unit, since)
