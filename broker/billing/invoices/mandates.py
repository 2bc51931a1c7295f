"""Record in whose name we sell, and by whose word we invoice in an owner's name."""

from __future__ import annotations

from datetime import date
from typing import get_args

from broker.accounts import store as accounts
from broker.audit.record import record
from broker.billing.invoices import mandate_store as store
from broker.billing.invoices.mandate_model import Mandate, RoleContract
from broker.kernel.database import UnitOfWork
from broker.kernel.errors import Conflict, InvalidInput, NotFound
from broker.kernel.ids import new_code
from broker.kernel.settings import Settings
from broker.rentals.sale_terms import Role

LONGEST_CONTEST = 365


def record_mandate(
    unit: UnitOfWork,
    owner_code: str,
    reference: str,
    signatory: str,
    signed_on: date,
    *,
    ends_on: date | None = None,
    contest_days: int = 30,
) -> Mandate:
    """Record an owner's signed mandate for invoices in its name (CGI art. 289, I-2). An owner records its own alone."""
    unit.actor.require("owner", "broker", "accountant")
    org_id = _party(unit, owner_code, "owner")
    _signed(unit, reference, signatory, signed_on, ends_on)
    if not 1 <= contest_days <= LONGEST_CONTEST:
        raise InvalidInput(
            f"An owner has 1 to {LONGEST_CONTEST} days to contest a document.", code="bad_days", field="contest_days"
        )
    code = new_code("mand")
    store.insert_mandate(
        unit,
        code=code,
        org_id=org_id,
        reference=reference.strip(),
        signatory=signatory.strip(),
        signed_on=signed_on,
        ends_on=ends_on,
        contest_days=contest_days,
        recorded_by=unit.actor.user_id,
    )
    record(unit, "mandate.recorded", "invoicing_mandate", code, owner=owner_code)
    return next(mandate for mandate in store.mandates(unit, org_id) if mandate.code == code)


def list_mandates(unit: UnitOfWork) -> list[Mandate]:
    """Mandates that the actor may see, the newest first."""
    return store.mandates(unit)


def end_mandate(unit: UnitOfWork, code: str, ends_on: date) -> None:
    """Give a mandate its last day; nothing is issued in the owner's name after it."""
    unit.actor.require("owner", "broker", "accountant")
    if not store.end_mandate(unit, code, ends_on):
        raise NotFound(f"There is no mandate {code!r}.", field="code")
    record(unit, "mandate.ended", "invoicing_mandate", code, ends_on=ends_on.isoformat())


def mandate_on(unit: UnitOfWork, owner_id: int, day: date) -> Mandate | None:
    """The newest mandate of an owner that holds on a day."""
    return next((mandate for mandate in store.mandates(unit, owner_id) if mandate.holds_on(day)), None)


def may_issue(settings: Settings, mandate: Mandate | None) -> bool:
    """Whether something may be issued in the owner's name."""
    return mandate is not None or not settings.trade.mandate_required


def record_role(
    unit: UnitOfWork,
    party_code: str,
    role: Role,
    reference: str,
    signatory: str,
    signed_on: date,
    *,
    ends_on: date | None = None,
    pay_when_paid: bool = False,
) -> RoleContract:
    """Record the contract that says in whose name we sell for a party; orders quoted from then on follow it.

    Raises `Conflict` (`role_overlaps`) when another one holds on some of its days, `InvalidInput` (`bad_role`,
    `pay_when_paid`): a principal owes the owner whatever the advertiser does (C. com. L441-10).
    """
    unit.actor.require("broker", "accountant")
    if role not in get_args(Role):
        raise InvalidInput(f"A role is {', '.join(get_args(Role))}.", code="bad_role", field="role")
    kind = {"agent_of_owner": "owner", "agent_of_advertiser": "advertiser"}.get(role)
    org_id = _party(unit, party_code, kind)
    if pay_when_paid and role == "principal":
        raise InvalidInput(
            "As principal the owner is paid on its due date, whatever the advertiser does: only an agent may pay once"
            " the advertiser has paid.",
            code="pay_when_paid",
            field="pay_when_paid",
        )
    _signed(unit, reference, signatory, signed_on, ends_on)
    standing = [c for c in store.contracts(unit, org_id) if c.ends_on is None or c.ends_on >= signed_on]
    if any(ends_on is None or contract.signed_on <= ends_on for contract in standing):
        raise Conflict(
            f"{standing[0].reference} holds on some of these days: give it its last day first.",
            code="role_overlaps",
            field="signed_on",
        )
    code = new_code("role")
    store.insert_contract(
        unit,
        code=code,
        org_id=org_id,
        role=role,
        reference=reference.strip(),
        signatory=signatory.strip(),
        signed_on=signed_on,
        ends_on=ends_on,
        pay_when_paid=pay_when_paid,
        recorded_by=unit.actor.user_id,
    )
    record(unit, "role.recorded", "role_contract", code, party=party_code, role=role)
    return next(contract for contract in store.contracts(unit, org_id) if contract.code == code)


def list_roles(unit: UnitOfWork) -> list[RoleContract]:
    """Role contracts that the actor may see, the newest first."""
    return store.contracts(unit)


def end_role(unit: UnitOfWork, code: str, ends_on: date) -> None:
    """Give a role contract its last day; orders already quoted keep their role."""
    unit.actor.require("broker", "accountant")
    if not store.end_contract(unit, code, ends_on):
        raise NotFound(f"There is no role contract {code!r}.", field="code")
    record(unit, "role.ended", "role_contract", code, ends_on=ends_on.isoformat())


def _party(unit: UnitOfWork, code: str, kind: str | None) -> int:
    if unit.actor.role == "owner":
        found = accounts.organisation(unit, unit.actor.org)
        found = found if found is not None and code in ("", found.code) else None
    else:
        found = accounts.organisation_of(unit, code)
    if found is None:
        raise NotFound(f"There is no organisation {code!r}.", field="party")
    if kind is not None and found.kind != kind:
        raise InvalidInput(f"{found.name} is no {kind}.", code="bad_party", field="party")
    return found.id


def _signed(unit: UnitOfWork, reference: str, signatory: str, signed_on: date, ends_on: date | None) -> None:
    for field, value in (("reference", reference), ("signatory", signatory)):
        if not 1 <= len(value.strip()) <= 140:
            raise InvalidInput(f"Give the contract's {field} (140 letters at most).", code=f"bad_{field}", field=field)
    if signed_on > unit.today:
        raise InvalidInput("A contract is recorded once it is signed.", code="signed_later", field="signed_on")
    if ends_on is not None and ends_on < signed_on:
        raise InvalidInput("A contract ends after it was signed.", code="ends_before", field="ends_on")
